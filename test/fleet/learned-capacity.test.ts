// What the fleet has learned of a host survives slow clients and long-lived requests: its capacity stays about where
// ordinary requests put it. With a real Redis, balancer and host.

import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTable } from '../../lib/table/layout.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { publishReport, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { withLoad } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';
import { open } from '../support/turn-stage.js';

const test = suite('learned capacity');

/** How long clients hold their requests up. */
const HOLD_MS = 5000;

/** Clients that do so at once. */
const CLIENTS = 5;

/** More than fits in the buffers of all connections on the way. */
const LONG = Buffer.alloc(12 << 20, 'long ');

function answer(incoming: IncomingMessage, response: ServerResponse): void {
  if (incoming.url === '/download') response.end(LONG);
  else if (incoming.url === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n');
    setTimeout(() => response.end(), HOLD_MS);
  } else if (incoming.method === 'POST') void incoming.resume().on('end', () => response.end('taken'));
  else setTimeout(() => response.end('short'), 10);
}

/** The capacity is learned from short requests; then clients hold some up. */
async function capacities(hold: (each: TestBalancer) => Promise<() => void>): Promise<{ before: number; least: number }> {
  return withRedis(({ url: redis }) =>
    withClients([redis], (client) =>
      withServer(answer, ({ url }) =>
        withBalancer({ redis: [redis], statics: [{ name: 'h', url }] }, async (each) => {
          await each.becomes('master');
          const { capacity, known } = openTable(each.balancer.table);
          const slot = known.indexOf(1);
          // An agent with a steady report: the host's CPU has cores to spare, so only what requests show can lower its capacity.
          const report = (): void => void publishReport(client, 'h', url, { cpu: 0.3, cores: 2 }).catch(() => undefined);
          const agent = setInterval(report, 500);
          return withLoad(each.port, async (load) => {
            await until(() => load.served > 300 && (capacity[slot] as number) > 0, { timeoutMs: 2 * SLOW_MS, what: 'a capacity' });
            const before = capacity[slot] as number;
            const release = await hold(each);
            let least = before;
            for (const startedMs = performance.now(); performance.now() - startedMs < HOLD_MS; await sleep(50))
              least = Math.min(least, capacity[slot] as number);
            release();
            const served = load.served;
            await until(
              () => {
                least = Math.min(least, capacity[slot] as number);
                return load.served > served + 400;
              },
              { timeoutMs: SLOW_MS },
            );
            return { before, least };
          }).finally(() => clearInterval(agent));
        }),
      ),
    ),
  );
}

/** Five to ten times as much was lost before, so this allows for a busy machine. */
function assertKept({ before, least }: { before: number; least: number }): void {
  assert.ok(least > before / 4, `${least} of ${before}`);
}

test('clients that do not read their downloads leave the capacity of the host where it was', async () =>
  assertKept(
    await capacities(async ({ port }) => {
      const unread = await Promise.all(Array.from({ length: CLIENTS }, () => open(port, { path: '/download' })));
      return () => {
        // To read 60 MiB at once would keep this process busy, host and balancer with it.
        for (const each of unread) each.destroy();
      };
    }),
  ));

test('clients that are slow to send their bodies leave the capacity of the host where it was', async () =>
  assertKept(
    await capacities(async ({ port }) => {
      const uploads = Array.from({ length: CLIENTS }, () =>
        request({ host: '127.0.0.1', port, agent: false, method: 'POST', path: '/up', headers: { 'Content-Length': '8' } }),
      );
      for (const each of uploads) {
        each.on('response', (response) => response.resume()).on('error', () => undefined);
        each.write('half');
      }
      return () => {
        for (const each of uploads) each.end('rest');
      };
    }),
  ));

test('event streams leave the capacity of the host where it was', async () =>
  assertKept(
    await capacities(async ({ port }) => {
      const streams = await Promise.all(Array.from({ length: CLIENTS }, () => open(port, { path: '/events' })));
      for (const stream of streams) stream.resume();
      return () => undefined;
    }),
  ));

test.run();
