// Bodies of requests that go out once more: nothing of a body goes out before the head of its request, and none is lost
// between two attempts. And what else follows the end of an attempt: the next request of the connection, and a drain.

import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { RawClient, withRaw } from '../../support/http-client.js';
import { withRawHost } from '../../support/raw-host.js';

const test = suite('bodies and retries');

/** The delay of the network before the host, each way. */
const DELAY_MS = 15;

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A relay that adds this delay to each direction, and calls `onConnection` with each connection that it accepts. */
async function withRelay<T>(port: number, delayMs: number, onConnection: () => void, fn: (port: number) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const later = (from: Socket, to: Socket): void => {
    from.on('data', (bytes) => setTimeout(() => to.writable && to.write(bytes), delayMs));
    from.on('close', () => setTimeout(() => to.destroy(), delayMs));
    from.on('error', () => undefined);
    sockets.add(from);
  };
  const server = createServer((socket) => {
    onConnection();
    const host = connect(port, '127.0.0.1');
    later(socket, host);
    later(host, socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await fn((server.address() as AddressInfo).port);
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

test('a body that arrives while a stale connection is replaced is sent after its head, and not as a request of its own', () =>
  withCertificates(async ({ caFile, cert, key }) => {
    const seen: string[] = [];
    let client: RawClient | undefined;
    let isArmed = false;
    let hasFailed = false;
    const BODY = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n';
    const server = createHttpsServer({ cert, key }, (request, response) => {
      if (isArmed && request.method === 'PUT') {
        isArmed = false;
        hasFailed = true;
        request.socket.destroy();
        return;
      }
      request.resume().on('end', () => {
        seen.push(`${request.method} ${request.url}`);
        response.setHeader('Content-Length', 2);
        response.end('ok');
      });
    });
    // The balancer connects again: its TLS handshake takes two delays more, and the body arrives meanwhile.
    const onConnection = (): void => {
      if (hasFailed) client?.send(BODY);
      hasFailed = false;
    };
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      await withRelay((server.address() as AddressInfo).port, DELAY_MS, onConnection, (relayPort) =>
        withBalancer(
          { statics: [{ name: 'h', url: `https://127.0.0.1:${relayPort}` }], ejectAfter: 1000, hostCa: caFile },
          async (each) => {
            for (let i = 0; i < 3; i++) {
              await withRaw(each.port, async (raw) => {
                client = raw;
                raw.send('GET /warm HTTP/1.1\r\nHost: x\r\n\r\n');
                await raw.receives(/ok$/);
                raw.text = '';
                isArmed = true;
                raw.send(`PUT /p HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.length}\r\n\r\n`);
                await raw.receives(/^HTTP\/1\.1 200 [^]*ok$/);
              });
            }
            assert.equal(seen, Array.from({ length: 3 }, () => ['GET /warm', 'PUT /p']).flat());
            assert.is(each.counter('retries_stale_connection'), 3);
          },
        ),
      );
    } finally {
      server.close();
      server.closeAllConnections();
    }
  }));

test('no part of a body is lost while a request waits for another host', async () => {
  let onPut: (() => void) | undefined;
  const first = createServer((socket) => {
    let text = '';
    socket
      .on('error', () => undefined)
      .on('data', (bytes) => {
        text += bytes.toString('latin1');
        if (!text.includes('\r\n\r\n')) return;
        if (text.startsWith('PUT')) {
          // It accepts no more connections.
          first.close();
          socket.resetAndDestroy();
          onPut?.();
          return;
        }
        text = '';
        socket.write(OK);
      });
  });
  await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
  const slow: { finish?: () => void } = {};
  let body = '';
  try {
    await withRawHost(
      (connection) => {
        const { socket, text } = connection;
        if (!text.includes('\r\n\r\n')) return;
        if (text.startsWith('GET /slow')) slow.finish = () => void socket.write(OK);
        else if (text.startsWith('GET')) socket.write(OK);
        else if (text.endsWith('0\r\n\r\n')) {
          body = text.split('\r\n\r\n').slice(1).join('');
          socket.write(OK);
        } else return;
        connection.text = '';
      },
      ({ url }) =>
        withBalancer(
          {
            statics: [
              { name: 'a', url: `http://127.0.0.1:${(first.address() as AddressInfo).port}` },
              { name: 'b', url },
            ],
            ejectAfter: 1000,
            hostMaxInflight: 1,
            queueTimeoutMs: 10_000,
          },
          async ({ port, counter }) =>
            withRaw(port, async (occupant) =>
              withRaw(port, async (raw) => {
                // The second host is full.
                for (let i = 0; i < 10 && slow.finish === undefined; i++) {
                  occupant.text = '';
                  occupant.send('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
                  await until(() => slow.finish !== undefined || occupant.text.endsWith('ok'));
                }
                raw.send('GET /warm HTTP/1.1\r\nHost: x\r\n\r\n');
                await raw.receives(/ok$/);
                raw.text = '';
                const put = new Promise<void>((resolve) => (onPut = resolve));
                raw.send('PUT /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
                await put;
                await until(() => counter('requests_queued') === 1);
                raw.send('5\r\nFIRST\r\n');
                await pause(50);
                slow.finish?.();
                await pause(50);
                raw.send('6\r\nSECOND\r\n0\r\n\r\n');
                await raw.receives(/^HTTP\/1\.1 200 [^]*ok$/);
                assert.is(body.replace(/\r\n|\b[0-9a-f]\b/g, ''), 'FIRSTSECOND');
              }),
            ),
        ),
    );
  } finally {
    first.close();
  }
});

test('pipelined requests are in flight one at a time: none waits for itself', () =>
  withRawHost(
    (connection) => {
      if (!connection.text.includes('\r\n\r\n')) return;
      connection.text = '';
      connection.socket.write(OK);
    },
    (host) =>
      withBalancer({ statics: [{ name: 'h', url: host.url }], hostMaxInflight: 1, hostQueue: 0 }, async ({ port, counter }) =>
        withRaw(port, async (raw) => {
          raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4));
          await until(() => (raw.text.match(/HTTP\/1\.1 \d+/g)?.length ?? 0) === 4);
          assert.equal(raw.text.match(/(?<=HTTP\/1\.1 )\d+/g), ['200', '200', '200', '200']);
          assert.is(counter('requests_queued') + counter('refused_queue_full'), 0);
          assert.is(host.connections.length, 1, 'all on one connection');
        }),
      ),
  ));

test('a drain waits for clients that still read their answers', () =>
  withRawHost(
    (connection) => {
      if (!connection.text.includes('\r\n\r\n')) return;
      connection.text = '';
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 16000000\r\n\r\n');
      connection.socket.write(Buffer.alloc(16_000_000, 'a'));
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], drainTimeoutMs: 20_000 }, async ({ port, inflight, balancer }) => {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        let bytes = 0;
        socket.on('data', (chunk) => {
          bytes += chunk.length;
          // It reads, but takes its time.
          socket.pause();
          setTimeout(() => socket.resume(), 15);
        });
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        await until(() => bytes > 0 && inflight().balancer === 0, { timeoutMs: 20_000, everyMs: 2 });
        await Promise.all([
          balancer.stop(),
          until(() => bytes > 16_000_000, { timeoutMs: 20_000, what: () => `the whole answer: ${bytes} bytes` }),
        ]);
        socket.destroy();
      }),
  ));

test('a client that goes away after its upload is noticed, even if the host was slow to read it', async () => {
  let got = 0;
  await withRawHost(
    (connection) => {
      const { socket, text } = connection;
      got += text.length;
      connection.text = '';
      // It takes its time, and never answers.
      socket.pause();
      setTimeout(() => socket.resume(), 2);
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], responseTimeoutMs: 60_000 }, async ({ port, counter }) => {
        // Of several sizes: in some the last part does not find room in the host's socket.
        for (let i = 0; i < 4; i++) {
          got = 0;
          const size = 12_000_000 + i * 331_777;
          await withRaw(port, async ({ socket }) => {
            socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
            socket.write(Buffer.alloc(size, 'x'));
            await until(() => got > size, { timeoutMs: 20_000, what: () => `${size} bytes at the host: ${got}` });
            socket.destroy();
            await until(() => counter('requests_client_gone') === i + 1, { timeoutMs: 10_000, what: `client ${i} to be noticed as gone` });
          });
        }
        assert.is(counter('timeouts_response'), 0);
      }),
  );
});

test('a host that sends 101 twice, first without Upgrade, opens no tunnel', () =>
  withRawHost(
    (connection) => {
      if (!connection.text.includes('\r\n\r\n')) return;
      connection.text = '';
      connection.socket.write('HTTP/1.1 101 A\r\n\r\nHTTP/1.1 101 B\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\nBAD');
    },
    (bad) =>
      withRawHost(
        (connection) => {
          if (!connection.text.includes('\r\n\r\n')) return;
          connection.text = '';
          setTimeout(() => connection.socket.write('HTTP/1.1 101 GOOD\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\nGOOD'), 50);
        },
        (good) =>
          withBalancer(
            {
              statics: [
                { name: 'bad', url: bad.url },
                { name: 'good', url: good.url },
              ],
              ejectAfter: 1000,
              retryBudgetPercent: 100,
            },
            async ({ port, counter }) => {
              for (let i = 0; i < 4; i++) {
                await withRaw(port, async (raw) => {
                  raw.send('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
                  await raw.receives(/^HTTP\/1\.1 101 GOOD\r\n[^]*\r\n\r\nGOOD$/);
                });
              }
              assert.is(counter('internal_errors'), 0);
            },
          ),
      ),
  ));

test.run();
