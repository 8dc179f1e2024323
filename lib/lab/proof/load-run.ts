// The part of `bench fleet` with real load: starts hosts, load, Redis and all contestants, warms them up, and has the loads
// measured and what a request costs. Invariant: all that it starts is stopped at its end, so that what follows is alone.

import type { BenchContext } from '../context.js';
import { LAB_NAMESPACE } from '../lab-fleet.js';
import { startRole } from '../processes.js';
import { rateFor } from '../scenario.js';
import { type Contender, type FleetContender, startFleetContender, startFleetRedis, startPeerContenders } from './contestants.js';
import { measureCosts } from './costs.js';
import type { BalancerCosts } from './figures.js';
import { type LoadsSeen, measureLoads, type Running } from './loads.js';
import { plannedContestants, type ProofPlan } from './plan.js';
import type { Quota } from './quota.js';
import type { Slo } from './samples.js';
import { type Rig, runLoadTurn } from './turns.js';

/** Hosts. */
export const HOST_COUNT = 8;

/**
 * Factor on the cost of requests: hosts that are four times as fast as those of `bench policies` serve as many requests per
 * second as a balancer with a fraction of a core, so that both limits are seen.
 */
export const SLOW = 0.25;

/**
 * Scatter of the cost of requests within a class. Costs that are all the same make latencies a staircase, and p99 is then
 * the one or the other step, by chance.
 */
export const SIGMA = 0.5;

/** What a load must meet to count as served. */
export const SLO: Slo = { timesFloor: 5, errors: 0.001, backlog: 0.03 };

/**
 * V8 compiles a balancer's code in steps: CPU per request has settled after some 4000 requests. Until then the compiler
 * would use up a small share of CPU. Other programs only open connections to hosts.
 */
const WARM_UP_REQUESTS = 4000;
const WARM_UP_SHARE = 0.4;
/** In turns of this length at most: each one leaves nothing to the next, however slow the machine is. */
const WARM_UP_TURN_SECONDS = 2;
const PEERS_WARM_UP_SECONDS = 0.3;

/** The warm-up of a run with very short turns is at most this many times their length. */
const WARM_UP_TIMES = 12;

/** Costs are measured on a fleet of at most this many balancers, at this share of what the hosts can do. */
const COSTS_FLEET = 4;
const COSTS_SHARE = 0.3;
const COSTS_SECONDS = 3;

/** Requests per second that would keep all hosts busy. */
export const HOSTS_PER_SECOND = rateFor(1, HOST_COUNT, SLOW);

/** What the loads showed. */
export interface LoadRun extends LoadsSeen {
  readonly costs: BalancerCosts;
  /** Number of balancers of the fleet on which they were measured. */
  readonly costsFleet: number;
  /** The kind of Redis. */
  readonly redis: string;
}

/** Measures all loads; `laterSeconds` is an estimate of what follows. */
export async function runLoads(
  { entry, say, shutdown }: BenchContext,
  plan: ProofPlan,
  quota: Quota,
  laterSeconds: number,
): Promise<LoadRun> {
  const redises = [];
  for (const balancers of plan.fleets) redises.push({ balancers, redis: await startFleetRedis(entry, shutdown) });
  const options = { core: quota.loadCore, shutdown };
  const urls = redises.map(({ redis }) => redis.url).join(',');
  const { child: hosts, ready } = await startRole('virtual-hosts', [String(HOST_COUNT), urls, LAB_NAMESPACE], options);
  const { child: load } = await startRole('arrivals', [], options);
  const rig: Rig = { hosts, load, floorPort: Number(ready.allPort), slow: SLOW, sigma: SIGMA, seconds: plan.seconds };
  const fleets: FleetContender[] = [];
  for (const { balancers, redis } of redises)
    fleets.push(await startFleetContender(entry, balancers, redis, HOST_COUNT, { quota, shutdown }));
  const { contenders: peers, leftOut } = await startPeerContenders(plan, ready.ports as number[], { quota, shutdown });
  for (const reason of leftOut) say(reason);
  const all: readonly Contender[] = [...fleets, ...peers];
  say(`${all.map(({ program, balancers }) => `${program} ${balancers}`).join(', ')}: every one answers rightly`);

  const perSecond = WARM_UP_SHARE * HOSTS_PER_SECOND;
  for (const contender of all) {
    const wanted = contender.program === 'meercat' ? (WARM_UP_REQUESTS * contender.balancers) / perSecond : PEERS_WARM_UP_SECONDS;
    const turns = Math.ceil(Math.min(wanted, WARM_UP_TIMES * plan.seconds) / WARM_UP_TURN_SECONDS);
    const seconds = Math.min(wanted, WARM_UP_TIMES * plan.seconds) / turns;
    for (let turn = 0; turn < turns; turn++) await runLoadTurn(rig, { contender, cores: null, perSecond, seed: plan.seed + turn, seconds });
  }
  const contestants = plannedContestants(plan, quota.kind).flatMap((each): Running[] => {
    const contender = all.find(({ program, balancers }) => program === each.program && balancers === each.balancers);
    return contender === undefined ? [] : [{ ...each, contender }];
  });
  const seen: LoadsSeen = await measureLoads({ plan, rig, contestants, slo: SLO, hostsPerSecond: HOSTS_PER_SECOND, say, laterSeconds });
  const costsFleet = costsFleetOf(fleets);
  // Now that all code is compiled, and the memory of the start released.
  const costs = await measureCosts(costsFleet, rig, {
    hostCount: HOST_COUNT,
    perSecond: COSTS_SHARE * HOSTS_PER_SECOND,
    seconds: Math.min(COSTS_SECONDS, 5 * plan.seconds),
    seed: plan.seed,
  });
  for (const { stop } of all) await stop();
  for (const child of [hosts, load]) await child.stop();
  return {
    ...seen,
    leftOut: [...leftOut, ...seen.leftOut],
    costs,
    costsFleet: costsFleet.balancers,
    redis: redises[0]?.redis.kind ?? 'none',
  };
}

function costsFleetOf(fleets: readonly FleetContender[]): FleetContender {
  return fleets.findLast(({ balancers }) => balancers <= COSTS_FLEET) as FleetContender;
}
