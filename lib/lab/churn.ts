// Tests a balancer for leaks: sends many requests, including every kind of aborted one, then checks the resources that it
// still holds. Every response is checked; memory and descriptors are compared at rest.

import { MeercatError, messageOf } from '../errors.js';
import { parseRedisAddress } from '../redis/address.js';
import { connectOnce } from '../redis/connect.js';
import { type FleetView, readFleet } from '../redis/fleet-view.js';
import { buildKeys } from '../redis/keys.js';
import { type ChurnLoad, startChurnLoad } from './churn-load.js';
import { reportChurn, type Rest } from './churn-report.js';
import type { BenchContext } from './context.js';
import { descriptorsOf, residentBytesOf } from './footprint.js';
import { pause } from './health.js';
import { checkAnswers, LabBalancer, startLabRedis } from './lab-fleet.js';
import { bodyOf } from './lab-bodies.js';
import { freePort, startRole } from './processes.js';
import type { BenchReport } from './report.js';

const DEFAULT_REQUESTS = 200_000;
const DEFAULT_CONNECTIONS = 64;
const SEED = 20_261_123;

/** Share of the requests before the first measurement: code gets compiled, pools fill. */
const WARM_UP_SHARE = 0.05;

/** Keep-alive timeout of idle host connections; short, so that the balancer soon reaches rest. */
const HOST_KEEP_ALIVE_MS = 1000;

/** The balancer is at rest if nothing has changed for this long, which exceeds all keep-alive timeouts. */
const REST_MS = 3000;
const REST_TIMEOUT_MS = 30_000;
const LOOK_EVERY_MS = 250;

/** Maximum delay of a balancer's state in Redis. */
const HEARTBEAT_MS = 1500;

/** Runs the benchmark. */
export async function runChurn({ entry, flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const requests = flags.requests ?? DEFAULT_REQUESTS;
  const connections = flags.connections ?? DEFAULT_CONNECTIONS;
  if (Number.isNaN(descriptorsOf(process.pid)))
    throw new MeercatError('MEERCAT_START_FAILED', 'bench churn counts descriptors in /proc, which this system has not');
  const redis = await startLabRedis(entry, shutdown);
  const names = ['h1', 'h2'];
  const hosts = await Promise.all(
    names.map(async (name) => {
      const { ready } = await startRole('churn-host', [name], { core: null, shutdown });
      return { name, url: `http://127.0.0.1:${Number(ready.port)}` };
    }),
  );
  // Nothing listens on this port: connections are refused.
  const dead = { name: 'dead', url: `http://127.0.0.1:${await freePort()}` };
  const stderr: string[] = [];
  const options = { core: null, shutdown, onStderr: (text: string) => stderr.push(...text.split('\n').filter((line) => line !== '')) };
  const balancer = await LabBalancer.start(entry, 'b1', redis.url, [...hosts, dead], options, [
    '--host-keep-alive-timeout',
    `${HOST_KEEP_ALIVE_MS}ms`,
  ]);
  await balancer.untilServing(hosts.length + 1);
  const bodies = new Set(names.map(bodyOf));
  await checkAnswers('meercat', balancer.port, bodies, 20);
  const { pid } = balancer.process;
  let hasEnded = false;
  void balancer.process.exited.then(() => {
    hasEnded = true;
  });

  const load: ChurnLoad = startChurnLoad(balancer.port, connections, SEED, () => hasEnded);
  const startMs = performance.now();
  let sent = 0;
  const sendAndRest = async (count: number): Promise<Rest> => {
    await load.send(count);
    sent += count;
    const held = await rest(balancer);
    if (hasEnded)
      throw new MeercatError(
        'MEERCAT_START_FAILED',
        `the balancer ended by itself within ${sent} requests${stderr.length > 0 ? `: ${stderr.slice(-5).join(' ')}` : ''}`,
      );
    say(`${sent} requests: ${describe(held)}`);
    return held;
  };
  const warmUp = Math.ceil(requests * WARM_UP_SHARE);
  const half = Math.ceil((requests - warmUp) / 2);
  const start = await sendAndRest(warmUp);
  const middle = await sendAndRest(half);
  const end = await sendAndRest(requests - warmUp - half);

  const wrong = await checkAnswers('meercat', balancer.port, bodies, 50).then(
    () => [],
    (error: unknown) => [`after it all: ${messageOf(error)}`],
  );
  await pause(HEARTBEAT_MS);
  const view = await readView(redis.url);
  return reportChurn({
    setup: { requests, connections, seed: SEED, seconds: (performance.now() - startMs) / 1000 },
    tallies: load.tallies,
    rests: { start, middle, end },
    view,
    stderr,
    wrong,
  });

  /** Waits until the resources are stable, or until the deadline; returns them. */
  async function rest(of: LabBalancer): Promise<Rest> {
    const deadlineMs = performance.now() + REST_TIMEOUT_MS;
    let since = performance.now();
    let before = Number.NaN;
    for (;;) {
      const inflight = (await of.health())?.inflight ?? Number.NaN;
      const descriptors = descriptorsOf(pid);
      if (descriptors !== before || inflight !== 0) since = performance.now();
      before = descriptors;
      const nowMs = performance.now();
      if (hasEnded || nowMs - since >= REST_MS || nowMs > deadlineMs) return { descriptors, inflight, residentBytes: residentBytesOf(pid) };
      await pause(LOOK_EVERY_MS);
    }
  }
}

function describe({ descriptors, inflight, residentBytes }: Rest): string {
  return `${descriptors} file descriptors, ${inflight} in flight, ${(residentBytes / 2 ** 20).toFixed(0)} MB`;
}

async function readView(url: string): Promise<FleetView> {
  const client = await connectOnce(parseRedisAddress(url), 3000);
  try {
    return await readFleet(client, buildKeys('bench'));
  } finally {
    client.disconnect();
  }
}
