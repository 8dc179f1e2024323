// The cost of a fleet's control plane: CPU of the threads that handle no requests, and the messages on each channel, with
// few and with many hosts, under a steady load.

import type { Commands } from '../redis/connect.js';
import { FLEET_SIZE } from './contestants.js';
import type { BenchContext } from './context.js';
import { pause, until } from './health.js';
import type { LabBalancer } from './lab-fleet.js';
import { type ChannelName, countMessages } from './message-counts.js';
import { type BalancerCpuSeconds, MeteredBalancer } from './metered-balancer.js';
import { type LabChild, startRole } from './processes.js';
import { redisCpuSeconds } from './redis-usage.js';

/** Requests per second to the whole fleet during the measurement. */
export const CONTROL_RPS = 500;

/**
 * After this time hot code is compiled, the load exchange has settled at its interval, and the memory of the start has
 * been released. The warm-up of a short measurement is shorter: a multiple of its length.
 */
const WARM_UP_MS = 30_000;
const WARM_UP_TIMES = 10;

const START_TIMEOUT_MS = 60_000;

/** Figures for one number of hosts. */
export interface ControlFigures {
  readonly hosts: number;
  readonly balancers: readonly BalancerCpu[];
  /** CPU of Redis, in percent of a core; NaN if unavailable. */
  readonly redisPercent: number;
  /** Messages and bytes per second on each channel. */
  readonly channels: Readonly<Record<ChannelName, { readonly perSecond: number; readonly bytesPerSecond: number }>>;
  readonly failed: number;
}

/** CPU of one balancer, in percent of a core. */
export interface BalancerCpu {
  readonly name: string;
  readonly role: string;
  readonly fleetPercent: number;
  readonly hostsPercent: number;
  /** The main thread, which handles the requests. */
  readonly trafficPercent: number;
  /** V8's helper threads for garbage collection and compilation, of all three isolates. */
  readonly helpersPercent: number;
}

/** Measures a new fleet with this number of hosts. */
export async function measureControlPlane(
  { entry, say, shutdown }: BenchContext,
  redisUrl: string,
  client: Commands,
  load: LabChild,
  hosts: number,
  seconds: number,
): Promise<ControlFigures> {
  const namespace = `control-${hosts}`;
  const { child: simulated } = await startRole('virtual-hosts', [String(hosts), redisUrl, namespace], { core: null, shutdown });
  const balancers = await Promise.all(
    Array.from({ length: FLEET_SIZE }, (_, index) =>
      MeteredBalancer.start(entry, `b${index + 1}`, redisUrl, { core: null, shutdown }, ['--namespace', namespace]),
    ),
  );
  await Promise.all(balancers.map(({ balancer }) => balancer.untilServing(hosts, START_TIMEOUT_MS)));
  await until('one of them is master', START_TIMEOUT_MS, 50, async () => {
    const pages = await Promise.all(balancers.map(({ balancer }) => balancer.health()));
    return pages.some((page) => page?.role === 'master');
  });
  const channels = countMessages(redisUrl, namespace);
  const measuredMs = seconds * 1000;
  const warmUpMs = Math.min(WARM_UP_MS, WARM_UP_TIMES * measuredMs);
  const done = load.next('done', warmUpMs + measuredMs + START_TIMEOUT_MS);
  load.send({
    type: 'turn',
    ports: balancers.map(({ balancer }) => balancer.port),
    perSecond: CONTROL_RPS,
    seed: hosts,
    warmUpMs,
    measuredMs,
    graceMs: 1000,
  });
  await pause(warmUpMs);
  const before = {
    atMs: performance.now(),
    cpu: balancers.map((each) => each.read()),
    redis: await redisCpuSeconds(client),
    counts: channels.read(),
  };
  await pause(measuredMs);
  const after = {
    atMs: performance.now(),
    cpu: balancers.map((each) => each.read()),
    redis: await redisCpuSeconds(client),
    counts: channels.read(),
  };
  const roles = await Promise.all(balancers.map(({ balancer }) => roleOf(balancer)));
  const { failed } = await done;
  channels.close();
  await Promise.all(balancers.map(({ balancer }) => balancer.process.stop()));
  await simulated.stop();

  const elapsed = (after.atMs - before.atMs) / 1000;
  const percent = (used: number): number => (used / elapsed) * 100;
  const figures: ControlFigures = {
    hosts,
    balancers: balancers.map(({ balancer: { name } }, index) => {
      const [from, to] = [before.cpu[index] as BalancerCpuSeconds, after.cpu[index] as BalancerCpuSeconds];
      return {
        name,
        role: roles[index] ?? 'unknown',
        fleetPercent: percent(to.fleet - from.fleet),
        hostsPercent: percent(to.hosts - from.hosts),
        trafficPercent: percent(to.traffic - from.traffic),
        helpersPercent: percent(to.helpers - from.helpers),
      };
    }),
    redisPercent: percent(after.redis - before.redis),
    channels: {
      reports: rateOf('reports'),
      load: rateOf('load'),
      stats: rateOf('stats'),
    },
    failed: Object.values(failed as Readonly<Record<string, number>>).reduce((sum, count) => sum + count, 0),
  };
  say(
    `${hosts} hosts: ${figures.balancers.map(({ name, role, fleetPercent, hostsPercent }) => `${name} (${role}) ${(fleetPercent + hostsPercent).toFixed(1)} %`).join(', ')} of a core for the control plane`,
  );
  return figures;

  function rateOf(channel: ChannelName): { readonly perSecond: number; readonly bytesPerSecond: number } {
    const [from, to] = [before.counts[channel], after.counts[channel]];
    return { perSecond: (to.messages - from.messages) / elapsed, bytesPerSecond: (to.bytes - from.bytes) / elapsed };
  }
}

/** The balancer's role; retries on a busy machine. */
async function roleOf(balancer: LabBalancer): Promise<string> {
  let page = await balancer.health();
  await until(`${balancer.name} says its role`, START_TIMEOUT_MS, 50, async () => (page ??= await balancer.health()) !== null);
  return page?.role ?? 'unknown';
}
