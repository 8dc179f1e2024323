// Hosts and clients that fail in the middle of a request: what the client gets, that a second host is tried where that is
// allowed, and that nothing hangs or stays in flight.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startAwakeTimer } from '../../support/awake-time.js';
import { until, withServer } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, exchangeRaw, withRaw } from '../../support/http-client.js';
import { answerWith, hasHead, withProxy, withRawProxy } from '../../support/proxy.js';
import { type RawConnection, withRawHost } from '../../support/raw-host.js';

const test = suite('faults');

/** Nobody listens on port 1. */
const REFUSING = { name: 'refusing', url: 'http://127.0.0.1:1' };

/** A balancer with a bad host, which is never ejected, and a good one, used in turn; the good one answers `good METHOD`. */
function withPair(bad: (connection: RawConnection) => void, fn: (each: TestBalancer) => Promise<void>): Promise<void> {
  return withServer(
    (request, response) => void response.end(`good ${request.method}`),
    (good) =>
      withRawHost(bad, ({ url }) =>
        withBalancer(
          {
            statics: [
              { name: 'bad', url },
              { name: 'good', url: good.url },
            ],
            ejectAfter: 1000,
          },
          fn,
        ),
      ),
  );
}

const codeIn = (body: string): string => (JSON.parse(body) as { error: string }).error;

test('without a host the answer is JSON with a code, and Retry-After', () =>
  withBalancer({}, async ({ port, counter }) => {
    const { status, headers, body } = await ask(port, { method: 'POST', body: 'x' });
    assert.is(status, 503);
    assert.equal(JSON.parse(body), { error: 'MEERCAT_NO_HOST', message: 'no host can take this request' });
    assert.equal([headers['content-type'], headers['retry-after'], headers['cache-control']], ['application/json', '1', 'no-store']);
    assert.match(
      await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      /^HTTP\/1\.1 503 [^]*MEERCAT_NO_HOST/,
    );
    assert.equal([counter('requests_refused_no_host'), counter('requests_failed')], [2, 2]);
  }));

test('a host that refuses connections fails no request, and is then avoided', () =>
  withServer(
    (_request, response) => void response.end('good'),
    ({ url }) =>
      withBalancer({ statics: [REFUSING, { name: 'good', url }] }, async ({ port, counter }) => {
        for (const method of ['GET', 'POST', 'PATCH', 'DELETE', 'GET', 'POST'])
          assert.is((await ask(port, { method })).body, 'good', method);
        assert.equal([counter('requests_retried'), counter('requests_failed')], [1, 0], 'it was tried once');
      }),
  ));

test('a POST with a body whose host refuses the connection is delivered once, to another host', () => {
  const bodies: string[] = [];
  return withServer(
    (request, response) => {
      let body = '';
      request
        .on('data', (bytes: Buffer) => (body += bytes.toString()))
        .on('end', () => {
          bodies.push(body);
          response.end('good');
        });
    },
    ({ url }) =>
      withBalancer({ statics: [REFUSING, { name: 'good', url }] }, async ({ port, counter }) => {
        for (let i = 0; i < 6; i++)
          assert.equal(await ask(port, { method: 'POST', body: `${i}` }).then(({ status, body }) => [status, body]), [200, 'good']);
        assert.equal(bodies, ['0', '1', '2', '3', '4', '5']);
        assert.equal([counter('requests_retried'), counter('retries_connect_failed'), counter('requests_failed')], [1, 1, 0]);
      }),
  );
});

test('a single host that refuses connections is still tried, and clients get an answer that says so', () =>
  withBalancer({ statics: [REFUSING] }, async ({ port }) => {
    for (let i = 0; i < 3; i++) {
      const { status, body } = await ask(port);
      assert.equal([status, codeIn(body)], [502, 'MEERCAT_HOST_UNREACHABLE']);
    }
  }));

test('when a host closes before its first byte, only idempotent requests are retried on another host', () =>
  withPair(
    ({ socket }) => void socket.destroy(),
    async ({ port, counter }) => {
      for (let i = 0; i < 4; i++) assert.is((await ask(port, { path: `/${i}` })).body, 'good GET');
      assert.ok(counter('requests_retried') >= 2, 'at least every second one met it');
      for (const body of [undefined, 'x']) {
        const statuses = [
          await ask(port, { method: 'POST', ...(body && { body }) }),
          await ask(port, { method: 'POST', ...(body && { body }) }),
        ].map(({ status }) => status);
        assert.equal(statuses.toSorted(), [200, 502]);
      }
    },
  ));

for (const [framing, head] of [
  ['a length', 'Content-Length: 1000'],
  ['chunks', 'Transfer-Encoding: chunked'],
] as const) {
  test(`a host that dies in the middle of an answer with ${framing} gives a truncated answer, not one that looks complete`, () =>
    withRawProxy(answerWith(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nhello\r\n`, true), async ({ port, counter }) => {
      const result = await ask(port).then(
        () => 'whole',
        (error: NodeJS.ErrnoException) => error.code,
      );
      assert.is(result, 'ECONNRESET');
      const text = await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      assert.match(text, /^HTTP\/1\.1 200 OK/);
      assert.not.match(text, /\r\n0\r\n\r\n$/, 'no last chunk');
      assert.equal([counter('requests_failed'), counter('requests_retried')], [2, 0]);
    }));
}

test('an answer without a length that ends with the connection is complete', () =>
  withRawProxy(answerWith('HTTP/1.1 200 OK\r\n\r\nall of it', true), async ({ port, counter }) => {
    assert.is((await ask(port)).body, 'all of it');
    assert.is(counter('requests_failed'), 0);
  }));

const WAITS: readonly [string, string, (connection: RawConnection) => void][] = [
  ['waits for the answer', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', () => undefined],
  [
    'is in the middle of the answer',
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    answerWith('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello'),
  ],
  ['is in the middle of its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhello', () => undefined],
  ['is in the middle of a chunk', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhello', () => undefined],
];

for (const [when, text, onData] of WAITS) {
  test(`a client that goes away while it ${when} soon ends the host's request`, () =>
    withRawProxy(onData, async ({ port, counter, balancer }, host) => {
      for (const [index, end] of (['destroy', 'resetAndDestroy'] as const).entries()) {
        await withRaw(port, async (raw) => {
          raw.send(text);
          const connection = await until(() => host.connections[index]);
          await until(() => hasHead(connection));
          raw.socket[end]();
          const awakeMs = startAwakeTimer();
          await until(() => connection.isClosed);
          // 700 ms by the clock; the rest is for a slow machine.
          assert.ok(awakeMs() < 2500, `${awakeMs()} ms`);
        });
      }
      await until(() => counter('requests_client_gone') === 2);
      assert.is(counter('requests_failed'), 0, `it is not ${balancer.name}'s fault, nor the host's`);
    }));
}

test('a host that does not answer in time gives a 504, is not asked twice, and its connection is closed', () =>
  withRawProxy(
    () => undefined,
    async ({ port }, host) => {
      const { status, body } = await ask(port);
      assert.equal([status, codeIn(body)], [504, 'MEERCAT_HOST_TIMEOUT']);
      await until(() => host.connections[0]?.isClosed);
      assert.is(host.connections.length, 1);
      assert.is((await ask(port, { method: 'POST', body: 'x' })).status, 504);
    },
    { responseTimeoutMs: 150 },
  ));

test('an answer that stalls is truncated after the response timeout', () =>
  withRawProxy(
    answerWith('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello'),
    async ({ port }) => {
      assert.is(
        await ask(port).then(
          () => 'whole',
          (error: NodeJS.ErrnoException) => error.code,
        ),
        'ECONNRESET',
      );
    },
    { responseTimeoutMs: 150 },
  ));

test('a host that answers slowly, but goes on answering, is waited for', () => {
  // Each part comes far sooner than a slow machine needs, the whole answer later than a part may.
  const responseTimeoutMs = 1500;
  return withProxy(
    (_request, response) => {
      const startMs = performance.now();
      const timer = setInterval(() => {
        response.write('.');
        if (performance.now() - startMs < 1.5 * responseTimeoutMs) return;
        clearInterval(timer);
        response.end('all');
      }, 50);
    },
    async ({ port }) => assert.match((await ask(port)).body, /^\.+all$/),
    { responseTimeoutMs },
  );
});

test('the answer of a host that has not read the body is passed on, and the next request is not mixed up with it', () =>
  withRawProxy(
    (connection) => {
      if (!hasHead(connection) || connection.text.includes('answered')) return;
      connection.socket.write('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno');
      connection.text += 'answered';
      connection.socket.end();
    },
    async ({ port }) => {
      for (let i = 0; i < 3; i++) {
        const answered = await ask(port, { method: 'POST', body: Buffer.alloc(1 << 20) }).catch((error: NodeJS.ErrnoException) => ({
          status: error.code,
        }));
        assert.ok([413, 'ECONNRESET', 'EPIPE'].includes(answered.status as number), String(answered.status));
        assert.is((await ask(port)).status, 413);
      }
    },
  ));

test.run();
