// Clients that close their half after the request: they get their answer, however late; those that have really
// gone are noticed within a second; and what was not whole when they closed is given up.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startAwakeTimer } from '../../support/awake-time.js';
import { until } from '../../support/brackets.js';
import { withRaw } from '../../support/http-client.js';
import { hasHead, withProxy, withRawProxy } from '../../support/proxy.js';

const test = suite('half-closed clients');

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('a client that has closed its half is asked to wait by interim answers, and gets its answer when it is there', () =>
  withRawProxy(
    () => undefined,
    ({ port, counter }, host) =>
      withRaw(port, async (raw) => {
        raw.socket.end(GET);
        await raw.receives(/^(?:HTTP\/1\.1 100 Continue\r\n\r\n){3}/);
        await until(() => host.connections[0] !== undefined && hasHead(host.connections[0]));
        host.connections[0]?.socket.write(OK);
        assert.match(await raw.ends(), /^(?:HTTP\/1\.1 100 Continue\r\n\r\n){3,}HTTP\/1\.1 200 OK\r\n[^]*ok$/);
        assert.equal([counter('requests_client_gone'), counter('timeouts_half_closed')], [0, 0]);
      }),
  ));

test('all requests that came before the half was closed are answered, in order', () =>
  withProxy(
    (request, response) => void setTimeout(() => response.end(`<${request.url}>`), 50),
    ({ port }) =>
      withRaw(port, async (raw) => {
        raw.socket.end([1, 2, 3].map((n) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
        assert.equal((await raw.ends()).match(/<\/\d>/g), ['</1>', '</2>', '</3>']);
      }),
  ));

test('a long answer is sent to its end to a client that has closed its half, however slowly it reads', () =>
  withProxy(
    (_request, response) => void response.end(Buffer.alloc(32 << 20, '.')),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        let received = 0;
        raw.socket.removeAllListeners('data').on('data', (bytes) => (received += bytes.length));
        raw.socket.end(GET);
        await until(() => received > 0);
        raw.socket.pause();
        // Longer than a client that has gone is looked for.
        await new Promise((resolve) => setTimeout(resolve, 1200));
        raw.socket.resume();
        await until(() => raw.hasEnded || raw.isClosed, { timeoutMs: 10_000 });
        assert.ok(received > 32 << 20, `${received} bytes`);
        assert.is(counter('timeouts_half_closed'), 0);
      }),
  ));

test('a client of HTTP/1.0 that has closed its half gets an answer that comes soon', () =>
  withProxy(
    (_request, response) => void response.end('good'),
    ({ port }) =>
      withRaw(port, async (raw) => {
        raw.socket.end('GET / HTTP/1.0\r\n\r\n');
        assert.match(await raw.ends(), /^HTTP\/1\.1 200 OK\r\n[^]*good$/);
      }),
  ));

for (const [what, text] of [
  ['its head', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ['its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhello'],
  ['its chunks', 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'],
] as const) {
  test(`a client that closes its half in the middle of ${what} is given up, and the host sees no whole request`, () =>
    withRawProxy(
      () => undefined,
      async ({ port }, host) => {
        await withRaw(port, async (raw) => {
          raw.socket.end(text, 'latin1');
          assert.not.match(await raw.ends(), / 200 /);
        });
        await until(() => host.connections.every(({ isClosed }) => isClosed));
        assert.not.ok(host.connections.some((connection) => connection.text.endsWith('0\r\n\r\n')));
      },
    ));
}

test('a client that closes without sending anything has no effect', () =>
  withRawProxy(
    () => undefined,
    async ({ port, counter }, host) => {
      await withRaw(port, async (raw) => {
        raw.socket.end();
        assert.is(await raw.ends(), '');
      });
      assert.equal([host.connections.length, counter('requests'), counter('timeouts_header')], [0, 0, 0]);
    },
  ));

test('a client that closed its half and then went away ends the request to the host', () =>
  withRawProxy(
    () => undefined,
    async ({ port, counter }, host) => {
      await withRaw(port, async (raw) => {
        raw.socket.end(GET);
        const connection = await until(() => host.connections[0]);
        raw.socket.destroy();
        const awakeMs = startAwakeTimer();
        await until(() => connection.isClosed);
        // Two looks of 350 ms; the rest is for a slow machine.
        assert.ok(awakeMs() < 3000, `${awakeMs()} ms`);
      });
      await until(() => counter('requests_client_gone') === 1);
    },
  ));

test.run();
