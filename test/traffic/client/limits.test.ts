// Limits: connections in all and per client, requests in flight and queued per host, memory, bodies; and forwarding
// loops.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MIN_MEMORY_LIMIT_BYTES } from '../../../lib/config/traffic-config.js';
import { startAwakeTimer } from '../../support/awake-time.js';
import { freePort, until } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, exchangeRaw, RawClient, withRaw } from '../../support/http-client.js';
import { answerWith, hasHead, withProxy, withRawProxy } from '../../support/proxy.js';
import type { RawHost } from '../../support/raw-host.js';

const test = suite('limits');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const TOO_MANY = /^HTTP\/1\.1 503 [^]*\r\nConnection: close\r\n[^]*\r\nRetry-After: 1\r\n[^]*"MEERCAT_TOO_MANY_CONNECTIONS"/;
const BUSY = /^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n[^]*"MEERCAT_BUSY"/;

for (const [what, limits, counter] of [
  ['in all', { maxConnections: 3 }, 'refused_connections'],
  ['of one client', { maxConnectionsPerClient: 3 }, 'refused_connections_per_client'],
] as const) {
  test(`connections ${what} above the limit are refused, and there is room again when one has closed`, () =>
    withRawProxy(
      answerWith(OK),
      async (each) => {
        const clients = Array.from({ length: 3 }, () => new RawClient(each.port));
        for (const client of clients) await client.send(GET).receives(/ok$/);
        for (let i = 0; i < 3; i++) assert.match(await exchangeRaw(each.port, GET), TOO_MANY);
        assert.is(each.counter(counter), 3);
        for (const client of clients) await client.send(GET).receives(/ok[^]*ok$/);
        clients[0]?.socket.destroy();
        await until(async () => (await exchangeRaw(each.port, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))).endsWith('ok'));
        for (const client of clients) client.socket.destroy();
      },
      limits,
    ));
}

test('a flood of connections beyond the limit leaves no trace', () =>
  withRawProxy(
    answerWith(OK),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        await raw.send(GET).receives(/ok$/);
        const texts = await Promise.all(Array.from({ length: 100 }, () => exchangeRaw(port, '')));
        assert.ok(texts.every((text) => TOO_MANY.test(text)));
        assert.is(counter('refused_connections'), 100);
        await raw.send(GET).receives(/ok[^]*ok$/);
      }),
    { maxConnections: 1 },
  ));

/** A host that holds each request until the test lets it go. */
function withHeld(
  fn: (each: TestBalancer, host: RawHost, answerAll: () => void) => Promise<void>,
  overrides: Parameters<typeof withRawProxy>[2],
): Promise<void> {
  return withRawProxy(
    () => undefined,
    (each, host) =>
      fn(each, host, () => {
        for (const connection of host.connections) {
          if (!hasHead(connection)) continue;
          connection.text = '';
          connection.socket.write(OK);
        }
      }),
    overrides,
  );
}

test("a request above a host's in-flight limit waits for its turn, and those beyond the queue are refused at once", () =>
  withHeld(
    async ({ port, counter }, host, answerAll) => {
      const first = [ask(port), ask(port)];
      await until(() => host.connections.filter(hasHead).length === 2);
      const waiting = [ask(port), ask(port, { method: 'POST', body: 'x' })];
      await until(() => counter('requests_queued') === 2);
      const awakeMs = startAwakeTimer();
      for (let i = 0; i < 3; i++) assert.match(await exchangeRaw(port, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')), BUSY);
      assert.ok(awakeMs() < 5000, 'not after the time that others wait');
      assert.equal([counter('refused_queue_full'), host.connections.length], [3, 2]);
      answerAll();
      for (const answer of first) assert.is((await answer).status, 200);
      await until(() => host.connections.some(hasHead));
      const timer = setInterval(answerAll, 10);
      for (const answer of waiting) assert.is((await answer).status, 200);
      clearInterval(timer);
    },
    { hostMaxInflight: 2, hostQueue: 2, queueTimeoutMs: 20_000 },
  ));

test('a request that waits too long is refused, with its own counter', () =>
  withHeld(
    async ({ port, counter }, host, answerAll) => {
      const first = ask(port);
      await until(() => host.connections.some(hasHead));
      const { status, body, headers } = await ask(port);
      assert.equal(
        [status, (JSON.parse(body) as { error: string }).error, headers['retry-after'], counter('timeouts_queue')],
        [503, 'MEERCAT_BUSY', '1', 1],
      );
      answerAll();
      assert.is((await first).status, 200);
    },
    { hostMaxInflight: 1, queueTimeoutMs: 150 },
  ));

test('a client that goes away while it waits leaves its place to the next one, and no host hears of it', () =>
  withHeld(
    async ({ port, counter }, host, answerAll) => {
      const first = ask(port);
      await until(() => host.connections.some(hasHead));
      await withRaw(port, async (raw) => {
        raw.send('GET /gone HTTP/1.1\r\nHost: x\r\n\r\n');
        await until(() => counter('requests_queued') === 1);
        raw.socket.resetAndDestroy();
      });
      await until(() => counter('requests_client_gone') === 1);
      const next = ask(port, { path: '/next' });
      await until(() => counter('requests_queued') === 2);
      answerAll();
      assert.is((await first).status, 200);
      await until(() => host.connections.some(({ text }) => text.includes('/next')));
      answerAll();
      assert.is((await next).status, 200);
      assert.not.ok(host.connections.some(({ text }) => text.includes('/gone')));
      assert.equal([counter('requests_failed'), counter('timeouts_queue')], [0, 0]);
    },
    { hostMaxInflight: 1, hostQueue: 1, queueTimeoutMs: 20_000 },
  ));

test('when memory is short new requests are refused with Retry-After, and connections stay open', async () => {
  // Of this process, in which the balancer is, so that there is too little for certain.
  const taken = Buffer.alloc(MIN_MEMORY_LIMIT_BYTES, 1);
  await withRawProxy(
    answerWith(OK),
    ({ port, counter }, host) =>
      withRaw(port, async (raw) => {
        for (let i = 1; i <= 2; i++) {
          raw.text = '';
          await raw.send(GET).receives(/^HTTP\/1\.1 503 [^]*\r\nRetry-After: 1\r\n[^]*"MEERCAT_OVERLOADED"[^]*\n$/);
          assert.is(counter('refused_memory'), i);
        }
        assert.match(
          await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n'),
          /^HTTP\/1\.1 503 [^]*"MEERCAT_OVERLOADED"/,
        );
        assert.is(host.connections.length, 0);
      }),
    { memoryLimit: MIN_MEMORY_LIMIT_BYTES },
  );
  assert.is(taken.at(-1), 1);
});

test('a body that is too large is refused: by its length before a host hears of it, in chunks as soon as it is', () =>
  withRawProxy(
    () => undefined,
    async ({ port, counter }, host) => {
      const refused = /^HTTP\/1\.1 413 [^]*"MEERCAT_BODY_TOO_LARGE"/;
      assert.match(await exchangeRaw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n'), refused);
      assert.is(host.connections.length, 0);
      assert.match(
        await exchangeRaw(port, 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n1\r\na\r\n'),
        refused,
      );
      await until(() => host.connections.every(({ isClosed }) => isClosed));
      assert.not.ok(
        host.connections.some(({ text }) => text.endsWith('0\r\n\r\n')),
        'no end of a body',
      );
      assert.is(counter('refused_body_size'), 2);
    },
    { maxBodySize: 10 },
  ));

test('a body as large as it may be passes, with a length and in chunks', () =>
  withProxy(
    (request, response) => void request.resume().on('end', () => response.end('good')),
    async ({ port }) => {
      for (const headers of [{ 'Content-Length': '10' }, { 'Transfer-Encoding': 'chunked' }]) {
        assert.is((await ask(port, { method: 'POST', headers, body: '0123456789' })).body, 'good');
      }
    },
    { maxBodySize: 10 },
  ));

test('a request that returns to a balancer it has passed gets 508 instead of looping forever', async () => {
  const port = await freePort();
  await withBalancer({ port, statics: [{ name: 'self', url: `http://127.0.0.1:${port}` }] }, async (each) => {
    const { status, body } = await ask(port);
    assert.is(status, 508, body);
    assert.match(body, /MEERCAT_LOOP/);
    assert.equal([each.counter('refused_loop'), each.counter('requests')], [1, 2]);
  });
});

test.run();
