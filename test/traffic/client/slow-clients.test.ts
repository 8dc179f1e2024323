// Many clients that trickle their head and as many that trickle their body: good traffic is served, and the slow clients
// get an answer and are closed at their deadline.

import { connect, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { withLoad } from '../../support/http-client.js';
import { withProxy } from '../../support/proxy.js';
import { scaled } from '../../support/scale.js';

const test = suite('slow clients');

/** Of each kind. */
const MANY = scaled(150, 1000);
const HEADER_TIMEOUT_MS = scaled(2000, 3000);
const CLIENT_TIMEOUT_MS = HEADER_TIMEOUT_MS;

const SLOW_HEAD = 'GET / HTTP/1.1\r\nHost: x\r\nX-A: ';
const SLOW_BODY = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n';

/** A client that opens with a text and then goes on byte by byte. */
interface SlowClient {
  readonly socket: Socket;
  text: string;
  /** From the first bytes to the end; NaN before. */
  lastedMs: number;
}

/** Opens slow clients a hundred at a time, so that no backlog overflows, and keeps them sending. */
async function withSlowClients<T>(port: number, fn: (clients: readonly SlowClient[]) => Promise<T>): Promise<T> {
  const clients: SlowClient[] = [];
  const timer = setInterval(() => {
    for (const { socket } of clients) if (socket.writable) socket.write('a');
  }, 500);
  try {
    for (let i = 0; i < 2 * MANY; i += 100)
      await Promise.all(Array.from({ length: 100 }, (_, n) => open(port, n % 2 === 0 ? SLOW_HEAD : SLOW_BODY, clients)));
    return await fn(clients);
  } finally {
    clearInterval(timer);
    for (const { socket } of clients) socket.destroy();
  }
}

function open(port: number, opening: string, clients: SlowClient[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const client: SlowClient = { socket, text: '', lastedMs: Number.NaN };
    let startedMs = Number.NaN;
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject).on('error', () => undefined);
      startedMs = performance.now();
      socket.write(opening);
      clients.push(client);
      resolve();
    });
    socket.on('data', (bytes) => (client.text += bytes.toString('latin1')));
    socket.on('end', () => (client.lastedMs = performance.now() - startedMs));
    socket.on('close', () => {
      if (Number.isNaN(client.lastedMs)) client.lastedMs = performance.now() - startedMs;
    });
  });
}

test(`${MANY} slow heads and ${MANY} slow bodies at once do not affect other clients, and time out`, () =>
  withProxy(
    (request, response) => void request.resume().on('end', () => response.end('good')),
    ({ port, counter, health }) =>
      withLoad(port, (load) =>
        withSlowClients(port, async (clients) => {
          const servedBefore = load.served;
          await until(() => clients.every(({ lastedMs }) => !Number.isNaN(lastedMs)), {
            timeoutMs: 60_000,
            everyMs: 50,
            what: () => `${clients.filter(({ lastedMs }) => Number.isNaN(lastedMs)).length} slow clients to be closed`,
          });
          const told = clients.filter(({ text }) => text.startsWith('HTTP/1.1 408 ')).length;
          assert.is(told, 2 * MANY, 'each got a 408');
          assert.equal([counter('timeouts_header'), counter('timeouts_client_rate') + counter('timeouts_client_body')], [MANY, MANY]);
          const soonest = Math.min(...clients.map(({ lastedMs }) => lastedMs));
          // client-timeouts.test.ts checks how late they end: here all clients share a thread with the balancer.
          assert.ok(soonest > HEADER_TIMEOUT_MS - 1000, `one after ${soonest} ms`);
          assert.ok(load.served > servedBefore + 20, `${load.served - servedBefore} good requests meanwhile`);
          assert.equal(load.failures, []);
          assert.equal([counter('internal_errors'), counter('refused_connections'), (await health()).httpStatus], [0, 0, 200]);
        }),
      ),
    {
      headerTimeoutMs: HEADER_TIMEOUT_MS,
      clientTimeoutMs: CLIENT_TIMEOUT_MS,
      minBodyRate: 100,
      maxConnectionsPerClient: 5000,
      hostMaxInflight: 5000,
    },
  ));

test.run();
