// What a request and a message cost a balancer, measured on a running fleet without limits: first at rest, then under a
// moderate load. The simulation is fed with it.

import type { Commands } from '../../redis/connect.js';
import { buildKeys } from '../../redis/keys.js';
import { pause } from '../health.js';
import { runHostsTurn } from '../hosts-turn.js';
import { LAB_NAMESPACE } from '../lab-fleet.js';
import { type ChannelName, countMessages, type MessageCounts } from '../message-counts.js';
import type { BalancerCpuSeconds } from '../metered-balancer.js';
import { redisCpuSeconds } from '../redis-usage.js';
import type { FleetContender } from './contestants.js';
import type { BalancerCosts } from './figures.js';
import type { Rig } from './turns.js';

const CHANNELS: readonly ChannelName[] = ['reports', 'load', 'stats'];

/** What is read at the beginning and at the end of a span of time. */
export interface CostsReading {
  readonly atMs: number;
  readonly balancers: readonly BalancerCpuSeconds[];
  readonly redisSeconds: number;
  readonly counts: MessageCounts;
}

/** Measures for this many seconds at rest, and as many under this load. */
export async function measureCosts(
  { metered, redis, ports }: FleetContender,
  { hosts, load, slow }: Pick<Rig, 'hosts' | 'load' | 'slow'>,
  {
    hostCount,
    perSecond,
    seconds,
    seed,
  }: { readonly hostCount: number; readonly perSecond: number; readonly seconds: number; readonly seed: number },
): Promise<BalancerCosts> {
  const channels = countMessages(redis.url, LAB_NAMESPACE);
  try {
    const read = async (): Promise<CostsReading> => ({
      atMs: performance.now(),
      balancers: metered.map((each) => each.read()),
      redisSeconds: await redisCpuSeconds(redis.client),
      counts: channels.read(),
    });
    const rest = [await read(), (await pause(seconds * 1000), await read())] as const;
    const times = { warmUpMs: 500, measuredMs: seconds * 1000, graceMs: 500 };
    const { before, after, hosts: seen } = await runHostsTurn(hosts, load, { ports, perSecond, seed, slow, ...times }, read);
    const pages = await Promise.all(metered.map(({ balancer }) => balancer.health()));
    const receivers = await receiversOf(redis.client);
    const answered = seen.hosts.reduce((sum, host) => sum + host.answered, 0);
    const isMaster = (index: number): boolean => pages[index]?.role === 'master';
    return costsOf({ rest, loaded: [before, after], answered, isMaster, hostCount, receivers });
  } finally {
    channels.close();
  }
}

/** What {@link costsOf} computes from. */
export interface CostsMeasured {
  readonly rest: readonly [CostsReading, CostsReading];
  readonly loaded: readonly [CostsReading, CostsReading];
  readonly answered: number;
  readonly isMaster: (balancer: number) => boolean;
  readonly hostCount: number;
  readonly receivers: Readonly<Record<ChannelName, number>>;
}

/** Computes the costs from the two spans of time. */
export function costsOf({ rest, loaded, answered, isMaster, hostCount, receivers }: CostsMeasured): BalancerCosts {
  const secondsOf = ([from, to]: CostsMeasured['rest']): number => (to.atMs - from.atMs) / 1000;
  const coresOf = (span: CostsMeasured['rest'], which: (balancer: number) => boolean, of: (cpu: BalancerCpuSeconds) => number): number => {
    const [from, to] = span;
    const each = to.balancers.flatMap((cpu, index) => (which(index) ? [of(cpu) - of(from.balancers[index] as BalancerCpuSeconds)] : []));
    return each.length === 0 ? Number.NaN : each.reduce((sum, used) => sum + used, 0) / each.length / secondsOf(span);
  };
  const whole = ({ fleet, hosts, traffic, helpers }: BalancerCpuSeconds): number => fleet + hosts + traffic + helpers;
  const coordinating = ({ fleet, hosts }: BalancerCpuSeconds): number => fleet + hosts;
  // Its helpers collect what requests leave behind.
  const serving = ({ traffic, helpers }: BalancerCpuSeconds): number => traffic + helpers;
  const count = (span: CostsMeasured['rest'], channel: ChannelName): number =>
    span[1].counts[channel].messages - span[0].counts[channel].messages;
  const every = (): boolean => true;
  const moreCores = (which: (balancer: number) => boolean, of: (cpu: BalancerCpuSeconds) => number): number =>
    Math.max(0, coresOf(loaded, which, of) - coresOf(rest, which, of));
  const master = coresOf(rest, isMaster, whole);
  const slave = coresOf(rest, (index) => !isMaster(index), whole);
  const moreLoads = count(loaded, 'load') / secondsOf(loaded) - count(rest, 'load') / secondsOf(rest);
  const deliveries = CHANNELS.reduce((sum, channel) => sum + count(loaded, channel) * receivers[channel], 0);
  return {
    requestMicros: (moreCores(every, serving) * loaded[0].balancers.length * secondsOf(loaded) * 1e6) / answered,
    // Part of it, until it is fitted to all loads (cost-fit.ts).
    wakeMicros: 0,
    coolMs: 0,
    // A single balancer is a master.
    slaveCores: Number.isNaN(slave) ? master : slave,
    masterCores: master,
    masterMessageMicros: moreLoads > 0 ? (moreCores(isMaster, coordinating) * 1e6) / (moreLoads * hostCount) : 0,
    redisMessageMicros: deliveries > 0 ? ((loaded[1].redisSeconds - loaded[0].redisSeconds) * 1e6) / deliveries : 0,
  };
}

/** How many connections hear each channel. */
async function receiversOf(client: Commands): Promise<Readonly<Record<ChannelName, number>>> {
  const keys = buildKeys(LAB_NAMESPACE);
  const of = async (channel: ChannelName): Promise<number> => {
    const [, receivers] = await client.pubsub('NUMSUB', keys[channel]);
    return Number(receivers);
  };
  const [reports, load, stats] = await Promise.all([of('reports'), of('load'), of('stats')]);
  return { reports, load, stats };
}
