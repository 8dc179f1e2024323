// Hosts that answer, read or accept nothing: each wait has a timeout and a counter. Timeouts are short, and each test
// waits for a condition, not for a time.

import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withProcess } from '../../support/brackets.js';
import { withBalancer } from '../../support/fleet.js';
import { ask, exchangeRaw, withRaw } from '../../support/http-client.js';
import { withProxy, withRawProxy } from '../../support/proxy.js';

const test = suite('timeouts of hosts');

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const NO_ANSWER = /^HTTP\/1\.1 504 [^]*"MEERCAT_HOST_TIMEOUT"/;

test('a host that sends nothing gives a 504, for each method', () =>
  withRawProxy(
    () => undefined,
    async ({ port, counter }, host) => {
      assert.match(await exchangeRaw(port, GET), NO_ANSWER);
      assert.match(await exchangeRaw(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody'), NO_ANSWER);
      await until(() => host.connections.every(({ isClosed }) => isClosed));
      assert.equal([counter('timeouts_response'), host.connections.length, counter('requests_retried')], [2, 2, 0]);
    },
    { responseTimeoutMs: 150 },
  ));

test('a host whose head comes byte by byte has no more time for it', () =>
  withRawProxy(
    ({ socket }) => {
      const timer = setInterval(() => socket.write('H'), 20);
      socket.on('close', () => clearInterval(timer)).write('HTTP/1.1 200 OK\r\nX-A: ');
    },
    async ({ port, counter }) => {
      assert.match(await exchangeRaw(port, GET), NO_ANSWER);
      assert.is(counter('timeouts_response'), 1);
    },
    { responseTimeoutMs: 300 },
  ));

test('a host that reads nothing of a body gives a 504', () =>
  withRawProxy(
    ({ socket }) => void socket.pause(),
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        raw.send(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${64 << 20}\r\n\r\n`);
        raw.socket.write(Buffer.alloc(64 << 20));
        await raw.receives(NO_ANSWER);
        assert.equal([counter('timeouts_response'), counter('timeouts_client_body')], [1, 0]);
      }),
    { responseTimeoutMs: 300, clientTimeoutMs: 20_000 },
  ));

/** A process that listens and accepts nothing; what its backlog takes is filled. */
async function withDeafPort(fn: (port: number) => Promise<void>): Promise<void> {
  const script =
    'const s = require("net").createServer(); s.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => { require("fs").writeSync(1, `port ${s.address().port}\\n`); ' +
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000); })';
  await withProcess({ command: process.execPath, args: ['-e', script] }, async (child) => {
    const port = Number(await until(() => /^port (\d+)$/m.exec(child.stdout.join('\n'))?.[1]));
    const fillers: Socket[] = [];
    try {
      // Full once a connection does not come about any more.
      for (let isFull = false; !isFull; ) {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        fillers.push(socket);
        isFull = await Promise.race([
          new Promise<boolean>((resolve) => socket.once('connect', () => resolve(false))),
          new Promise<boolean>((resolve) => setTimeout(resolve, 300, true)),
        ]);
      }
      await fn(port);
    } finally {
      for (const socket of fillers) socket.destroy();
    }
  });
}

test("a host that does not accept a connection in time is another one's turn", () =>
  withDeafPort((deaf) =>
    withProxy(
      (_request, response) => void response.end('good'),
      async ({ port, counter }) => {
        for (let i = 0; i < 2; i++) assert.is((await ask(port, { method: 'POST', body: 'x' })).body, 'good');
        assert.equal([counter('timeouts_connect'), counter('retries_connect_failed'), counter('ejections_connect_failed')], [1, 1, 1]);
      },
      { connectTimeoutMs: 200 },
      [{ name: 'deaf', url: `http://127.0.0.1:${deaf}` }],
    ),
  ));

test('a single host that does not accept a connection gives a 502', () =>
  withDeafPort((deaf) =>
    withBalancer({ statics: [{ name: 'deaf', url: `http://127.0.0.1:${deaf}` }], connectTimeoutMs: 200 }, async ({ port, counter }) => {
      const { status, body } = await ask(port);
      assert.equal(
        [status, (JSON.parse(body) as { error: string }).error, counter('timeouts_connect')],
        [502, 'MEERCAT_HOST_UNREACHABLE', 1],
      );
    }),
  ));

test.run();
