// Hosts of HTTP/2 that fail: what is sent again, what the client gets, and what it counts as. Hosts that send any frames,
// and real ones.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, withRaw } from '../../support/http-client.js';
import { answer, withHttp2Host } from '../../support/http2-host.js';
import {
  dataFrame,
  type Frame,
  frame,
  goaway,
  headersFrame,
  type RawHttp2,
  type RawHttp2Host,
  resetFrame,
  settingsFrame,
  withRawHttp2Host,
} from '../../support/http2-frames.js';
import { FLAG, FRAME, type Http2Error } from '../../../lib/traffic/wire/http2-frames.js';

const test = suite('hosts of HTTP/2 that fail');

const isRequest = ({ type }: Frame): boolean => type === FRAME.headers;

/** A good answer on a stream. */
const good = (streamId: number): Buffer =>
  Buffer.concat([
    headersFrame(
      streamId,
      [
        [':status', '200'],
        ['content-length', '4'],
      ],
      0,
    ),
    dataFrame(streamId, 'good', true),
  ]);

/** A balancer with one host, which acts on each request in turn and answers well when the acts are used up. */
function withActs<T>(
  acts: ((connection: RawHttp2, streamId: number) => void)[],
  fn: (each: TestBalancer, host: RawHttp2Host) => T | Promise<T>,
  names: readonly string[] = ['a', 'b'],
): Promise<T> {
  return withRawHttp2Host(
    (connection, came) => {
      if (!isRequest(came)) return;
      const act = acts.shift();
      if (act === undefined) connection.send(good(came.streamId));
      else act(connection, came.streamId);
    },
    // A retry goes to another host.
    (host) => withBalancer({ statics: names.map((name) => ({ name, url: host.url })), ejectAfter: 100 }, (each) => fn(each, host)),
  );
}

const requestsOf = (host: RawHttp2Host): number => host.connections.flatMap(({ frames }) => frames.filter(isRequest)).length;

test('a request after the last one of a GOAWAY is sent again on a new connection, whatever its method: no failure and no retry', () =>
  withActs([(connection) => connection.send(goaway(0, 'NO_ERROR'))], async (each, host) => {
    assert.is((await ask(each.port, { method: 'POST', headers: { 'Content-Length': '0' } })).body, 'good');
    assert.equal([requestsOf(host), host.connections.length], [2, 2]);
    assert.equal(['retries_unprocessed', 'requests_retried', 'hosts_reset', 'requests_failed'].map(each.counter), [1, 0, 0, 0]);
    await until(() => host.connections[0]?.isClosed === true, { what: 'the old connection to be closed' });
  }));

test('the same with an error code, after which the host has ended all streams', () =>
  withActs([(connection) => connection.send(goaway(0, 'ENHANCE_YOUR_CALM'))], async (each) => {
    assert.is((await ask(each.port, { method: 'POST', headers: { 'Content-Length': '0' } })).body, 'good');
    assert.equal(['retries_unprocessed', 'hosts_reset'].map(each.counter), [1, 0]);
  }));

test('streams below the last one of a GOAWAY end well on the old connection, and new requests go to a new one', () => {
  let first: (() => void) | undefined;
  return withActs(
    [
      (connection, streamId) => {
        first = () => void connection.send(good(streamId));
        connection.send(goaway(streamId, 'NO_ERROR'));
      },
    ],
    async (each, host) => {
      const slow = ask(each.port);
      await until(() => first !== undefined);
      // The balancer has taken in the GOAWAY when it asks on another connection.
      await until(async () => (await ask(each.port)).body === 'good' && host.connections.length === 2);
      first?.();
      assert.is((await slow).body, 'good');
      assert.equal(['retries_unprocessed', 'hosts_reset'].map(each.counter), [0, 0]);
    },
  );
});

/** Sends `count` requests at once to a host whose connections each answer one, after `waitMs`, and leave the others behind with GOAWAY. */
function withLeaving(
  count: number,
  connectTimeoutMs: number,
  waitMs: number,
  fn: (statuses: number[], each: TestBalancer, host: RawHttp2Host) => void,
): Promise<void> {
  let taken = 0;
  return withRawHttp2Host(
    (connection, came) => {
      if (came.type === FRAME.ping && (came.flags & FLAG.ack) === 0) connection.send(frame(FRAME.ping, FLAG.ack, 0, came.payload));
      // All others are on their way.
      if (!isRequest(came) || connection.frames.filter(isRequest).length < count - taken) return;
      taken++;
      const { streamId } = connection.frames.find(isRequest) as Frame;
      setTimeout(() => connection.send(goaway(streamId, 'NO_ERROR'), good(streamId)), waitMs).unref();
    },
    (host) =>
      withBalancer({ statics: [{ name: 'a', url: host.url }], retryBudgetPercent: 0, connectTimeoutMs }, async (each) => {
        const answers = await Promise.all(Array.from({ length: count }, () => ask(each.port, { method: 'POST' })));
        fn(answers.map(({ status }) => status).toSorted(), each, host);
      }),
  );
}

test('requests of which each connection takes one before GOAWAY are sent again until all are taken', () =>
  withLeaving(8, 60_000, 0, (statuses, each, host) => {
    assert.equal(
      statuses,
      statuses.map(() => 200),
    );
    assert.is(host.connections.length, 8);
    const sentAgain = 7 + 6 + 5 + 4 + 3 + 2 + 1;
    assert.equal(['retries_unprocessed', 'hosts_reset', 'requests_retried'].map(each.counter), [sentAgain, 0, 0]);
  }));

test('a request that is left behind after the connect timeout is sent again once', () =>
  withLeaving(3, 1000, 2000, (statuses, each, host) => {
    assert.equal([statuses, host.connections.length], [[200, 200, 502], 2]);
    assert.equal(['retries_unprocessed', 'hosts_reset', 'requests_retried'].map(each.counter), [2, 1, 0]);
  }));

test('a host that begins each connection with GOAWAY is connected to once more, then it has failed', () =>
  withRawHttp2Host(
    () => undefined,
    (host) =>
      withBalancer({ statics: [{ name: 'a', url: host.url }], retryBudgetPercent: 0 }, async (each) => {
        assert.is((await ask(each.port)).status, 502);
        assert.equal([host.connections.length, requestsOf(host)], [2, 0]);
      }),
    { opening: Buffer.concat([settingsFrame(), goaway(0, 'NO_ERROR')]) },
  ));

test('a host that sends GOAWAY for every request is asked again once, then it has failed', () =>
  withActs(
    Array.from({ length: 20 }, () => (connection: RawHttp2) => void connection.send(goaway(0, 'NO_ERROR'))),
    async (each, host) => {
      assert.is((await ask(each.port)).status, 502);
      const { length } = host.connections;
      assert.ok(length >= 2 && length <= 4, `${length} connections`);
    },
  ));

test('a refused stream is retried on another host, also for a POST, and the connection lives on', () =>
  withActs([(connection, streamId) => void connection.send(resetFrame(streamId, 'REFUSED_STREAM'))], async (each, host) => {
    assert.is((await ask(each.port, { method: 'POST', headers: { 'Content-Length': '0' } })).body, 'good');
    assert.equal(['retries_unprocessed', 'requests_retried', 'hosts_reset'].map(each.counter), [1, 1, 1]);
    assert.is(host.connections.length, 2, 'one to each host');
  }));

test('a refused stream is retried on its host if the pool has no other, within the attempts', () => {
  const refuse = (connection: RawHttp2, streamId: number): void => void connection.send(resetFrame(streamId, 'REFUSED_STREAM'));
  return withActs(
    [refuse, refuse, refuse],
    async (each, host) => {
      assert.is((await ask(each.port, { method: 'POST', headers: { 'Content-Length': '0' } })).status, 502);
      assert.equal([requestsOf(host), each.counter('requests_retried')], [2, 1]);
      assert.is((await ask(each.port, { method: 'POST', headers: { 'Content-Length': '0' } })).body, 'good');
      assert.equal(['retries_unprocessed', 'requests_failed'].map(each.counter), [2, 1]);
      assert.is(host.connections.length, 1);
    },
    ['a'],
  );
});

test('a refused stream is not retried beyond the retry budget', () =>
  withRawHttp2Host(
    (connection, came) => isRequest(came) && connection.send(resetFrame(came.streamId, 'REFUSED_STREAM')),
    (host) =>
      withBalancer({ statics: [{ name: 'a', url: host.url }], retryBudgetPercent: 0 }, async (each) => {
        assert.is((await ask(each.port)).status, 502);
        assert.equal([requestsOf(host), each.counter('retries_denied_budget')], [1, 1]);
      }),
  ));

for (const error of ['INTERNAL_ERROR', 'CANCEL', 'NO_ERROR', 'HTTP_1_1_REQUIRED'] as const satisfies readonly Http2Error[]) {
  const reset = (connection: RawHttp2, streamId: number): void => void connection.send(resetFrame(streamId, error));
  test(`RST_STREAM with ${error} before the answer is a reset: a GET is retried`, () =>
    withActs([reset], async (each, host) => {
      assert.is((await ask(each.port)).body, 'good');
      assert.equal(['retries_reset', 'hosts_reset'].map(each.counter), [1, 1]);
      for (let i = 0; i < 4; i++) assert.is((await ask(each.port)).body, 'good');
      assert.is(host.connections.length, 2, 'one to each host');
    }));
}

test('a POST that was reset gets 502', () =>
  withActs([(connection, streamId) => void connection.send(resetFrame(streamId, 'INTERNAL_ERROR'))], async (each) => {
    assert.is((await ask(each.port, { method: 'POST', headers: { 'Content-Length': '0' } })).status, 502);
    assert.equal(['hosts_reset', 'requests_retried'].map(each.counter), [1, 0]);
  }));

for (const error of ['INTERNAL_ERROR', 'NO_ERROR', 'CANCEL'] as const satisfies readonly Http2Error[]) {
  test(`an answer that is cut off by ${error} is cut off for the client too, and the connection lives on`, () => {
    let reset = (): void => undefined;
    return withActs(
      [
        (connection, streamId) => {
          connection.send(headersFrame(streamId, [[':status', '200']], 0), dataFrame(streamId, 'half'));
          reset = () => void connection.send(resetFrame(streamId, error));
        },
      ],
      async (each, host) => {
        await withRaw(each.port, async (raw) => {
          raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
          await until(() => raw.text.includes('half'));
          reset();
          await until(() => raw.isClosed || raw.hasEnded, { what: () => raw.text });
          assert.not.match(raw.text, /\r\n0\r\n/);
        });
        assert.is((await ask(each.port)).body, 'good');
        assert.equal([each.counter('hosts_reset'), host.connections.length], [1, 1]);
      },
      ['a'],
    );
  });
}

test('an answer with all bytes of its length is whole, also if the stream is reset without an error in place of its end', () =>
  withActs(
    [
      (connection, streamId) => {
        connection.send(
          headersFrame(
            streamId,
            [
              [':status', '200'],
              ['content-length', '4'],
            ],
            0,
          ),
          dataFrame(streamId, 'four'),
        );
        connection.send(resetFrame(streamId, 'NO_ERROR'));
      },
    ],
    async (each) => {
      assert.is((await ask(each.port)).body, 'four');
      assert.is(each.counter('hosts_reset'), 0);
    },
  ));

test('a connection that is lost ends each of its streams once: what was silent is sent again, what was begun is cut off', () =>
  withActs(
    [
      (connection, streamId) => void connection.send(good(streamId)),
      (connection, streamId) => void connection.send(headersFrame(streamId, [[':status', '200']], 0), dataFrame(streamId, 'half')),
      (connection) => void connection.socket.destroy(),
    ],
    async (each, host) => {
      await ask(each.port);
      await withRaw(each.port, async (raw) => {
        raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await until(() => raw.text.includes('half'));
        assert.is((await ask(each.port)).body, 'good');
        await until(() => raw.isClosed || raw.hasEnded);
      });
      assert.equal(['retries_stale_connection', 'hosts_reset'].map(each.counter), [1, 1]);
      assert.is(host.connections.length, 2);
      assert.equal(each.inflight(), { balancer: 0, hosts: 0 });
    },
    ['a'],
  ));

/** Answers that no host may give. */
const MALFORMED: readonly (readonly [string, (streamId: number) => Buffer])[] = [
  ['no status', (id) => headersFrame(id, [['server', 'x']])],
  ['a status that is none', (id) => headersFrame(id, [[':status', '20']])],
  ['a status that ends with 101', (id) => headersFrame(id, [[':status', '101']])],
  ['an interim answer as the last', (id) => headersFrame(id, [[':status', '103']])],
  ['an interim 101', (id) => Buffer.concat([headersFrame(id, [[':status', '101']], 0), good(id)])],
  [
    'Transfer-Encoding',
    (id) =>
      headersFrame(id, [
        [':status', '200'],
        ['transfer-encoding', 'chunked'],
      ]),
  ],
  [
    'Connection',
    (id) =>
      headersFrame(id, [
        [':status', '200'],
        ['connection', 'close'],
      ]),
  ],
  [
    'a name in upper case',
    (id) =>
      headersFrame(id, [
        [':status', '200'],
        ['X-A', '1'],
      ]),
  ],
  [
    'a pseudo-header of requests',
    (id) =>
      headersFrame(id, [
        [':status', '200'],
        [':path', '/'],
      ]),
  ],
  [
    'a pseudo-header after a field',
    (id) =>
      headersFrame(id, [
        ['a', 'b'],
        [':status', '200'],
      ]),
  ],
  [
    'two lengths',
    (id) =>
      headersFrame(id, [
        [':status', '200'],
        ['content-length', '1'],
        ['content-length', '2'],
      ]),
  ],
  [
    'a length that is none',
    (id) =>
      headersFrame(id, [
        [':status', '200'],
        ['content-length', '-1'],
      ]),
  ],
  [
    'less than its length',
    (id) =>
      Buffer.concat([
        headersFrame(
          id,
          [
            [':status', '200'],
            ['content-length', '5'],
          ],
          0,
        ),
        dataFrame(id, 'four', true),
      ]),
  ],
  [
    'more than its length',
    (id) =>
      Buffer.concat([
        headersFrame(
          id,
          [
            [':status', '200'],
            ['content-length', '3'],
          ],
          0,
        ),
        dataFrame(id, 'four', true),
      ]),
  ],
  [
    'a head that is too long',
    (id) => headersFrame(id, [[':status', '200'], ...Array.from({ length: 5 }, (_, i) => [`x-${i}`, 'y'.repeat(16_000)] as const)]),
  ],
];

for (const [name, bytes] of MALFORMED) {
  test(`an answer with ${name} is a bad response, of which the client sees nothing`, () =>
    withActs(
      Array.from({ length: 2 }, () => (connection: RawHttp2, streamId: number) => {
        // A frame holds 16 KiB.
        for (const part of inFrames(bytes(streamId))) connection.send(part);
      }),
      async (each) => {
        const { status, headers } = await ask(each.port);
        assert.is(status, 502);
        assert.is(headers['x-a'], undefined);
        const { hosts_bad_response: bad = 0, hosts_reset: resets = 0 } = {
          hosts_bad_response: each.counter('hosts_bad_response'),
          hosts_reset: each.counter('hosts_reset'),
        };
        assert.is(bad + resets, 2);
        assert.equal(each.inflight(), { balancer: 0, hosts: 0 });
      },
    ));
}

/** Splits HEADERS whose block is longer than a frame. */
function inFrames(bytes: Buffer): readonly Buffer[] {
  const length = bytes.readUIntBE(0, 3);
  if (length <= 16_384) return [bytes];
  const block = bytes.subarray(9, 9 + length);
  const id = bytes.readUInt32BE(5);
  const parts: Buffer[] = [];
  for (let at = 0; at < length; at += 16_000) {
    const flags = at + 16_000 >= length ? FLAG.endHeaders : 0;
    parts.push(
      frame(at === 0 ? FRAME.headers : FRAME.continuation, flags | (at === 0 ? FLAG.endStream : 0), id, block.subarray(at, at + 16_000)),
    );
  }
  return parts;
}

test('bytes that are no frames end the connection: it answers no PING', () =>
  withRawHttp2Host(
    (connection, came) => {
      if (isRequest(came)) connection.socket.write('HTTP/1.1 200 OK\r\n\r\n');
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], connectTimeoutMs: 300 }, async (each) => {
        assert.is((await ask(each.port)).status, 502);
        assert.equal(each.inflight(), { balancer: 0, hosts: 0 });
        await until(() => host.connections[0]?.isClosed === true);
      }),
  ));

test('a client that goes away resets its stream alone', () =>
  withHttp2Host(
    (stream, headers) => {
      if (headers[':path'] !== '/wait') answer(stream, 'ok');
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        await withRaw(each.port, async (raw) => {
          raw.send('GET /wait HTTP/1.1\r\nHost: x\r\n\r\n');
          await until(() => each.inflight().hosts === 1 && host.sessions.length === 1);
          raw.socket.destroy();
          await until(() => host.resets.length === 1);
        });
        assert.equal(host.resets, [8]);
        assert.is((await ask(each.port)).body, 'ok');
        assert.equal([host.sessions.length, each.counter('requests_client_gone'), each.counter('hosts_reset')], [1, 1, 0]);
      }),
  ));

test('a host that is silent gets a timeout, and its stream is reset', () =>
  withHttp2Host(
    (stream, headers) => {
      if (headers[':path'] !== '/wait') answer(stream, 'ok');
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], responseTimeoutMs: 300 }, async (each) => {
        assert.is((await ask(each.port, { path: '/wait' })).status, 504);
        await until(() => host.resets.length === 1);
        assert.is((await ask(each.port)).body, 'ok');
        assert.equal([host.sessions.length, each.counter('timeouts_response')], [1, 1]);
      }),
  ));

test('a host that refuses an upload with an early answer is heard', () =>
  withHttp2Host(
    (stream) => {
      stream.respond({ ':status': 413, 'content-length': 3 });
      stream.end('big');
      stream.on('finish', () => stream.close(0));
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, (each) =>
        withRaw(each.port, async (raw) => {
          raw.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n${'x'.repeat(500_000)}`);
          await until(() => raw.text.endsWith('\r\n\r\nbig'), { what: () => raw.text });
          assert.match(raw.text, /^HTTP\/1\.1 413 /);
          await until(() => raw.isClosed || raw.hasEnded);
          assert.equal(['hosts_reset', 'requests_failed'].map(each.counter), [0, 0]);
        }),
      ),
  ));

test('a host that allows no streams has failed', () =>
  withRawHttp2Host(
    () => undefined,
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        assert.is((await ask(each.port)).status, 502);
        assert.ok(each.lines.some((line) => line.includes('SETTINGS_MAX_CONCURRENT_STREAMS is 0')));
      }),
    { opening: settingsFrame([3, 0]) },
  ));

test('a host that sends no SETTINGS has failed after the time to connect', () =>
  withRawHttp2Host(
    () => undefined,
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], connectTimeoutMs: 300 }, async (each) => {
        assert.is((await ask(each.port)).status, 502);
        assert.ok(each.counter('timeouts_connect') + each.counter('hosts_connect_failed') > 0);
      }),
    { opening: Buffer.alloc(0) },
  ));

test.run();
