// What the fleet has learned of a host survives slow clients and long-lived requests: its capacity stays about where
// ordinary requests put it. With a real Redis, balancer and host.

import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTable } from '../../lib/table/layout.js';
import { until, withRedis, withServer } from '../support/brackets.js';
import { publishReport, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { type Load, withLoad } from '../support/http-client.js';
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

/** A fleet with one host, under load. */
interface Stage {
  readonly each: TestBalancer;
  readonly load: Load;
  /** The capacity of its host now. */
  readonly capacity: () => number;
}

/** Hands out a fleet of its own once its host's capacity is learned from short requests. */
function withFleet<T>(fn: (stage: Stage) => Promise<T>): Promise<T> {
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
            const stage = { each, load, capacity: () => capacity[slot] as number };
            await until(() => load.served > 300 && stage.capacity() > 0, { timeoutMs: 2 * SLOW_MS, what: 'a capacity' });
            return fn(stage);
          }).finally(() => clearInterval(agent));
        }),
      ),
    ),
  );
}

/** What is left of two capacities, and the figures themselves. */
interface Left {
  readonly held: number;
  readonly control: number;
  readonly figures: string;
}

/** What is left of each host's capacity at its lowest, as a fraction: of the one whose requests are held up, and of a control. */
function leastLeft(hold: (each: TestBalancer) => Promise<() => void>): Promise<Left> {
  return withFleet((control) =>
    withFleet(async (held) => {
      const stages = [held, control] as const;
      const before = stages.map(({ capacity }) => capacity());
      const least = [...before];
      const look = (): void => stages.forEach(({ capacity }, i) => (least[i] = Math.min(least[i] as number, capacity())));
      const release = await hold(held.each);
      for (const startedMs = performance.now(); performance.now() - startedMs < HOLD_MS; await sleep(50)) look();
      release();
      const served = stages.map(({ load }) => load.served);
      await until(
        () => {
          look();
          return stages.every(({ load }, i) => load.served > (served[i] as number) + 400);
        },
        { timeoutMs: 2 * SLOW_MS, what: 'further requests' },
      );
      const [ofHeld = 0, ofControl = 0] = least.map((each, i) => each / (before[i] as number));
      return { held: ofHeld, control: ofControl, figures: `before ${before.join(' and ')}, at least ${least.join(' and ')}` };
    }),
  );
}

/**
 * A busy machine slows the requests of both hosts, in one process, and so takes the same part of both capacities. A stall
 * meets them at different moments, and what was measured meanwhile says nothing: it is measured three times at most.
 */
async function assertKept(hold: (each: TestBalancer) => Promise<() => void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { held, control, figures } = await leastLeft(hold);
    if (held > control / 4) return;
    assert.ok(attempt < 3, `${held} of its capacity is left, and ${control} of the other host's: ${figures}`);
  }
}

test('clients that do not read their downloads leave the capacity of the host where it was', () =>
  assertKept(async ({ port }) => {
    const unread = await Promise.all(Array.from({ length: CLIENTS }, () => open(port, { path: '/download' })));
    return () => {
      // To read 60 MiB at once would keep this process busy, host and balancer with it.
      for (const each of unread) each.destroy();
    };
  }));

test('clients that are slow to send their bodies leave the capacity of the host where it was', () =>
  assertKept(async ({ port }) => {
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
  }));

test('event streams leave the capacity of the host where it was', () =>
  assertKept(async ({ port }) => {
    const streams = await Promise.all(Array.from({ length: CLIENTS }, () => open(port, { path: '/events' })));
    for (const stream of streams) stream.resume();
    return () => undefined;
  }));

test.run();
