// The connections to hosts of HTTP/2: how many requests share one, when more are opened and closed, how dead ones are
// noticed, and that one slow stream holds up no other.

import type { ServerHttp2Stream } from 'node:http2';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Address } from '../../../lib/health/host-addresses.js';
import { FLAG, FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import { until } from '../../support/brackets.js';
import { CollectingClient } from '../../support/collecting-client.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, type Answered, withRaw } from '../../support/http-client.js';
import { answer, type Http2Host, type Http2HostOptions, withHttp2Host } from '../../support/http2-host.js';
import {
  dataFrame,
  type Frame,
  frame,
  headersFrame,
  type RawHttp2,
  type RawHttp2Host,
  withRawHttp2Host,
} from '../../support/http2-frames.js';
import { Attempt } from '../../../lib/traffic/request/attempt.js';
import type { Host } from '../../../lib/traffic/host/host.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('connections of HTTP/2 to hosts');

/** A host that holds all requests back until the test lets them go. */
async function withHeld<T>(fn: (held: ServerHttp2Stream[], host: Http2Host) => Promise<T>, options: Http2HostOptions = {}): Promise<T> {
  const held: ServerHttp2Stream[] = [];
  return await withHttp2Host(
    (stream) => void held.push(stream),
    (host) => fn(held, host),
    options,
  );
}

/** How many of these streams each connection carries, the most first. */
function perConnection(streams: readonly ServerHttp2Stream[]): number[] {
  const counts = new Map<unknown, number>();
  for (const { session } of streams) counts.set(session, (counts.get(session) ?? 0) + 1);
  return [...counts.values()].toSorted((a, b) => b - a);
}

async function letGo(held: readonly ServerHttp2Stream[], asked: readonly Promise<Answered>[]): Promise<void> {
  for (const stream of held) answer(stream, 'ok');
  assert.ok((await Promise.all(asked)).every(({ body }) => body === 'ok'));
}

const askAll = ({ port }: TestBalancer, requests: number): Promise<Answered>[] => Array.from({ length: requests }, () => ask(port));

test('a connection carries at most --host-max-streams requests, and the others go to a new one', () =>
  withHeld((held, host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }], hostMaxStreams: 20 }, async (each) => {
      const asked = askAll(each, 50);
      await until(() => held.length === 50);
      assert.equal(perConnection(held), [20, 20, 10]);
      await letGo(held.splice(0), asked);
      // All three are open: requests are spread over them.
      const more = askAll(each, 30);
      await until(() => held.length === 30);
      assert.equal(perConnection(held), [10, 10, 10]);
      await letGo(held, more);
      assert.is(host.sessions.length, 3);
    }),
  ));

test('a host that allows fewer streams gets no more on a connection', () =>
  withHeld(
    (held, host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        const asked = askAll(each, 12);
        await until(() => held.length === 12);
        assert.ok(perConnection(held).every((count) => count <= 4));
        await letGo(held, asked);
        assert.equal(each.counter('hosts_reset'), 0);
      }),
    { settings: { maxConcurrentStreams: 4 } },
  ));

test('requests that come while a connection is being opened share it', () =>
  withHeld((held, host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
      const asked = askAll(each, 60);
      await until(() => held.length === 60);
      assert.equal(perConnection(held), [60]);
      await letGo(held, asked);
    }),
  ));

test('an idle connection is closed in good order after --host-keep-alive-timeout', () =>
  withHttp2Host(
    (stream) => answer(stream, 'ok'),
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], hostKeepAliveTimeoutMs: 200 }, async (each) => {
        await ask(each.port);
        const codes: number[] = [];
        host.sessions[0]?.on('goaway', (code) => codes.push(code));
        await until(() => host.open.size === 0);
        assert.ok(codes.length > 0 && codes.every((code) => code === 0));
        assert.is((await ask(each.port)).body, 'ok');
        assert.is(host.sessions.length, 2);
      }),
  ));

test('a host that is removed, or a balancer that stops, leaves no connection open', () =>
  withHttp2Host(
    (stream) => answer(stream, 'ok'),
    async (host) => {
      await withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => void (await ask(each.port)));
      await until(() => host.sockets.size === 0);
    },
  ));

const isRequest = ({ type }: Frame): boolean => type === FRAME.headers;
const isPing = ({ type, flags }: Frame): boolean => type === FRAME.ping && (flags & FLAG.ack) === 0;

/** Answers a request. */
const good = (connection: RawHttp2, streamId: number): void =>
  void connection.send(
    headersFrame(
      streamId,
      [
        [':status', '200'],
        ['content-length', '4'],
      ],
      0,
    ),
    dataFrame(streamId, 'good', true),
  );

const count = (host: RawHttp2Host, fits: (frame: Frame) => boolean): number[] =>
  host.connections.map(({ frames }) => frames.filter(fits).length);

/** Longer than a connection is taken for alive without asking. */
async function beQuiet(): Promise<void> {
  const endMs = performance.now() + 1300;
  await until(() => performance.now() >= endMs);
}

const POST = { method: 'POST', headers: { 'Content-Length': '4' }, body: 'once' };

test('a connection that was idle is asked by PING before a request that must not be sent twice goes over it', () =>
  withRawHttp2Host(
    (connection, came) => {
      if (came.type === FRAME.data && (came.flags & FLAG.endStream) !== 0) good(connection, came.streamId);
      if (isRequest(came) && (came.flags & FLAG.endStream) !== 0) good(connection, came.streamId);
      if (isPing(came)) connection.send(frame(FRAME.ping, FLAG.ack, 0, came.payload));
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, async (each) => {
        await ask(each.port);
        await beQuiet();
        assert.is((await ask(each.port, POST)).body, 'good');
        assert.equal([count(host, isRequest), count(host, isPing)], [[2], [1]]);
        const frames = host.connections[0]?.frames.filter((came) => isRequest(came) || isPing(came)) ?? [];
        assert.equal(frames.map(isPing), [false, true, false]);
      }),
  ));

test('one that does not answer is dead, and the request goes to a new one without having been sent before', () =>
  withRawHttp2Host(
    (connection, came) => {
      if ((isRequest(came) || came.type === FRAME.data) && (came.flags & FLAG.endStream) !== 0) good(connection, came.streamId);
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], connectTimeoutMs: 2000 }, async (each) => {
        await ask(each.port);
        await beQuiet();
        assert.is((await ask(each.port, POST)).body, 'good');
        assert.equal(
          [count(host, isRequest), count(host, isPing)],
          [
            [1, 1],
            [1, 0],
          ],
        );
        assert.equal(['hosts_connect_failed', 'hosts_reset', 'requests_retried'].map(each.counter), [0, 0, 0]);
        await until(() => host.connections[0]?.isClosed === true);
      }),
  ));

test('a GET on a connection that was idle and is dead is sent again on a new one', () => {
  const deaf = new Set<RawHttp2>();
  return withRawHttp2Host(
    (connection, came) => {
      if (!isRequest(came) || deaf.has(connection)) return;
      good(connection, came.streamId);
      if (deaf.size === 0) deaf.add(connection);
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], connectTimeoutMs: 600 }, async (each) => {
        await ask(each.port);
        await beQuiet();
        assert.is((await ask(each.port)).body, 'good');
        assert.equal(count(host, isRequest), [2, 1]);
        assert.equal(['retries_stale_connection', 'hosts_reset', 'requests_retried'].map(each.counter), [1, 0, 0]);
      }),
  );
});

test('a host that is silent but alive is pinged once, not again and again: hosts of gRPC take that for abuse', () =>
  withRawHttp2Host(
    (connection, came) => {
      if (isPing(came)) connection.send(frame(FRAME.ping, FLAG.ack, 0, came.payload));
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], connectTimeoutMs: 200, responseTimeoutMs: 2000 }, async (each) => {
        assert.is((await ask(each.port)).status, 504);
        assert.equal(count(host, isPing), [1]);
      }),
  ));

test('a host with a name gets a connection to each of its addresses, and one to an address that it loses is closed', async () => {
  const addresses: Address[] = [
    { address: '127.0.0.1', family: 4 },
    { address: '127.0.0.2', family: 4 },
  ];
  const body = (stream: ServerHttp2Stream): void => answer(stream, stream.session?.socket.localAddress ?? '');
  await withHttp2Host(body, (one) =>
    withHttp2Host(
      body,
      async ({ open }) => {
        const stage = buildTrafficStage(
          () => performance.now(),
          {},
          undefined,
          async () => addresses,
        );
        try {
          stage.hosts.add({ slot: 0, name: 'h', url: `h2://app.internal:${one.port}` });
          const host = stage.hosts.get(0) as Host;
          const run = async (): Promise<string> => {
            const client = new CollectingClient();
            await new Promise((resolve, reject) => {
              client.carry(
                new Attempt(stage.context, client, host, 0, 1, performance.now(), { onAttemptEnd: resolve, onAttemptFault: reject }),
              );
            });
            return String(client.body);
          };
          const seen = new Set<string>();
          await until(async () => seen.add(await run()).size === 2 && open.size === 1);
          addresses.pop();
          host.addresses?.onNoneAnswered();
          await until(() => {
            host.addresses?.refresh(performance.now());
            return open.size === 0;
          });
          assert.is(await run(), '127.0.0.1');
        } finally {
          stage.stop();
        }
      },
      { port: one.port, address: '127.0.0.2' },
    ),
  );
});

test('a pool that changes its protocol is followed: open requests end as they began, new ones go over the other', () =>
  withHeld(async (held, { port, sessions }) => {
    const stage = buildTrafficStage(() => performance.now(), {});
    try {
      stage.hosts.add({ slot: 0, name: 'h', url: `http://127.0.0.1:${port}` });
      const host = stage.hosts.get(0) as Host;
      const run = async (): Promise<unknown> => {
        const client = new CollectingClient();
        return await new Promise((resolve, reject) => {
          client.carry(
            new Attempt(stage.context, client, host, 0, 1, performance.now(), { onAttemptEnd: resolve, onAttemptFault: reject }),
          );
        });
      };
      const rules = { ...stage.config, isHttp2: true };
      assert.is.not(await run(), 'ok', 'the host speaks HTTP/2 only');
      host.follow(rules);
      const first = run();
      await until(() => held.length === 1);
      host.follow({ ...rules, isHttp2: false });
      assert.is.not(await run(), 'ok');
      answer(held[0] as ServerHttp2Stream, 'ok');
      assert.is(await first, 'ok');
      await until(() => sessions[0]?.destroyed === true);
    } finally {
      stage.stop();
    }
  }));

const MUCH = 30 << 20;

test('a client that does not read holds up its own answer alone, and little of it', () => {
  let written = 0;
  return withHttp2Host(
    (stream, headers) => {
      if (headers[':path'] !== '/big') {
        answer(stream, 'small');
        return;
      }
      stream.respond({ ':status': 200 });
      const part = Buffer.alloc(64 << 10, 'x');
      const more = (): void => {
        while (written < MUCH) {
          written += part.length;
          if (!stream.write(part)) return void stream.once('drain', more);
        }
        stream.end();
      };
      more();
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], clientTimeoutMs: 60_000 }, (each) =>
        withRaw(each.port, async (raw) => {
          raw.send('GET /big HTTP/1.1\r\nHost: x\r\n\r\n');
          await until(() => raw.text.length > 0);
          raw.socket.pause();
          let before = -1;
          await until(
            () => {
              const isSettled = written === before;
              before = written;
              return isSettled;
            },
            { everyMs: 300 },
          );
          assert.ok(written < MUCH / 2, `${written} bytes left the host`);
          for (let i = 0; i < 20; i++) assert.is((await ask(each.port)).body, 'small');
          assert.is(host.sessions.length, 1);
          raw.socket.resume();
          const tail = (): string => raw.text.slice(-7);
          await until(() => tail() === '\r\n0\r\n\r\n', {
            timeoutMs: 60_000,
            what: () => `the end: ${written} bytes left the host, ${raw.text.length} came, then ${JSON.stringify(tail())}`,
          });
          assert.ok(raw.text.length > MUCH);
        }),
      ),
  );
});

test('a host that does not read holds up its own upload alone', () => {
  let read = 0;
  const slow: ServerHttp2Stream[] = [];
  return withHttp2Host(
    (stream, headers) => {
      if (headers[':method'] !== 'POST') {
        answer(stream, 'small');
        return;
      }
      stream.pause();
      slow.push(stream);
      stream.on('data', (bytes: Buffer) => void (read += bytes.length));
      stream.on('end', () => answer(stream, String(read)));
      stream.pause();
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }] }, (each) =>
        withRaw(each.port, async (raw) => {
          const length = 16 << 20;
          raw.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
          raw.socket.write(Buffer.alloc(length, 'y'));
          await until(() => slow.length === 1);
          for (let i = 0; i < 20; i++) assert.is((await ask(each.port)).body, 'small');
          assert.ok(raw.socket.writableLength > 0, 'the client could not send it all');
          slow[0]?.resume();
          await until(() => raw.text.endsWith(`\r\n\r\n${length}`), { timeoutMs: 60_000, what: () => raw.text });
          assert.is(host.sessions.length, 1);
        }),
      ),
  );
});

test.run();
