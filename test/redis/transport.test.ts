// A Redis that speaks TLS where the address does not, and the other way round: the reason says which is which, for a
// server, a Sentinel and a Cluster. What answers need not be one of the three: it is asked before it matters what it is.

import { connect, createServer, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { openCommands } from '../../lib/redis/connect.js';
import { freePort, until, withRedis } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { meercat } from '../support/meercat.js';
import { reasonFor } from '../support/redis-events.js';

const test = suite('redis with and without TLS');

const PLAIN = /^(?:it|a Sentinel) answers without TLS, .* or write (redis\S*) for (rediss\S*) in --redis or MEERCAT_REDIS$/;
const TLS = /^(?:it|a Sentinel) speaks TLS, .*: write (rediss\S*) for (redis\S*) in --redis or MEERCAT_REDIS$/;

/** Long, so that only what refuses at once can have said it. */
const PATIENCE_MS = 15_000;

/** A Redis that speaks TLS alone, and wants a certificate of its clients or none. */
function withTlsRedis<T>(wantsCertificate: boolean, fn: (port: number, caFile: string) => Promise<T>): Promise<T> {
  return withCertificates(async ({ caFile, certFile, keyFile }) => {
    const port = await freePort();
    const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', caFile];
    const args = ['--tls-port', String(port), '--tls-auth-clients', wantsCertificate ? 'yes' : 'no', ...files];
    return withRedis({ args }, () => fn(port, caFile));
  });
}

for (const kind of ['', '+sentinel', '+cluster']) {
  const path = kind === '+sentinel' ? '/mymaster' : '';
  test(`rediss${kind}:// to a server without TLS says that it has none`, () =>
    withRedis(async ({ port }) => {
      const reason = await reasonFor(`rediss${kind}://127.0.0.1:${port}${path}`, PATIENCE_MS);
      assert.equal(PLAIN.exec(reason)?.slice(1), [`redis${kind}://`, `rediss${kind}://`], reason);
      assert.is(reason.startsWith('a Sentinel'), kind === '+sentinel');
    }));

  test(`redis${kind}:// to a server with TLS says that it has TLS, also where it wants a certificate`, async () => {
    for (const wantsCertificate of [false, true]) {
      await withTlsRedis(wantsCertificate, async (port) => {
        const reason = await reasonFor(`redis${kind}://127.0.0.1:${port}${path}`, PATIENCE_MS);
        assert.equal(TLS.exec(reason)?.slice(1), [`rediss${kind}://`, `redis${kind}://`], reason);
      });
    }
  });
}

test('a server without TLS that wants a password shows itself all the same', () =>
  withRedis({ args: ['--requirepass', 'x'] }, async ({ port }) => {
    assert.match(await reasonFor(`rediss://:x@127.0.0.1:${port}`, PATIENCE_MS), PLAIN);
  }));

test('the command line says it in one line', () =>
  withRedis(async ({ port }) => {
    // A machine that stalls may keep it from finding out within its time.
    const { code, stderr } = await until(
      async () => {
        const outcome = await meercat(['status', '--redis', `rediss://127.0.0.1:${port}`]);
        return !/did not answer|no answer/.test(outcome.stderr) && outcome;
      },
      { timeoutMs: PATIENCE_MS, what: 'the reason' },
    );
    assert.is(code, 1);
    assert.match(stderr, /^meercat: Redis at rediss:\/\/127\.0\.0\.1:\d+ can't be used: it answers without TLS, [^\n]*$/);
    assert.not.match(stderr, /check --redis/);
  }));

/** A server of which only `onSocket` is known. */
async function withSocketServer(onSocket: (socket: Socket) => void, fn: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onSocket(socket);
  });
  const port = await freePort();
  await new Promise<void>((resolve) => void server.listen(port, '127.0.0.1', resolve));
  try {
    await fn(port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('a connection that stays is reported once, and goes on when the server has changed', () =>
  withRedis((plain) =>
    withTlsRedis(false, async (tlsPort, caFile) => {
      let target = plain.port;
      const relay = (socket: Socket): void => {
        const onward = connect(target, '127.0.0.1').on('error', () => socket.destroy());
        socket.pipe(onward).pipe(socket);
        socket.on('close', () => onward.destroy());
      };
      await withSocketServer(relay, async (port) => {
        const heard: string[] = [];
        const address = parseRedisAddress(`rediss://127.0.0.1:${port}?ca=${caFile}`);
        const client = openCommands(address, { onReady: () => void heard.push('ready'), onLost: (reason) => void heard.push(reason) });
        const count = (): number => heard.filter((line) => PLAIN.test(line)).length;
        const patience = { timeoutMs: PATIENCE_MS, what: () => heard.join('\n') };
        try {
          await until(() => count() === 1, patience);
          let attempts = 0;
          client.on('reconnecting', () => attempts++);
          await until(() => attempts >= 2, patience);
          assert.is(count(), 1, heard.join('\n'));
          target = tlsPort;
          await until(() => heard.at(-1) === 'ready', patience);
        } finally {
          client.disconnect();
        }
      });
    }),
  ));

test('a server that says nothing, resets, or speaks another language is not taken for one with or without TLS', async () => {
  const servers: readonly ((socket: Socket) => void)[] = [
    () => undefined,
    (socket) => socket.resetAndDestroy(),
    (socket) => void socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  ];
  for (const onSocket of servers) {
    await withSocketServer(onSocket, async (port) => {
      for (const scheme of ['redis', 'rediss']) {
        const reason = await reasonFor(`${scheme}://127.0.0.1:${port}`, 2500);
        assert.not.match(reason, /connected|with(?:out)? TLS/);
      }
    });
  }
});

test.run();
