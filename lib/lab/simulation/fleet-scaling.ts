// The highest load of fleets of different sizes. So that the biggest ones can be simulated, a simulated request stands for
// several: it costs balancers and hosts that many times as much, and comes that much less often; times are divided by the
// same number in the end. Coordination is not scaled. Hosts are made fast enough for the largest fleet, and are the same
// for all sizes: faster hosts answer sooner, and a shorter answer leaves balancers less time within the objective.

import type { Algorithm } from '../../model.js';
import type { BalancerCost, ClientWay, ScalingRules } from './balancer-cost.js';
import { findHighestLoad, type HighestLoad, loadOf, OBJECTIVE, perSecondOf } from './highest-load.js';
import type { RivalName } from './policy-names.js';
import type { HostGroup, Scenario } from './scenario.js';

/** Simulated requests per second at most; each one stands for several if there are more. */
const MAX_PER_SECOND = 8000;

/** Share of the hosts' CPU that is in use at most when all balancers are busy. */
const HOSTS_BUSY = 0.6;

/** The search begins at this share of what the balancers' CPU would allow without coordination, and ends at that. */
const LOWEST = 0.02;
const TOLERANCE = 0.02;

/** A fleet to be simulated. */
export interface ScalingPlan {
  readonly balancers: number;
  readonly hosts: number;
  /** `whole`: each balancer has the cores of the scenario; `total`: all together have. */
  readonly cpu: 'whole' | 'total';
  readonly clients: ClientWay;
}

/** What a fleet serves at most. */
export interface ScalingFigure extends ScalingPlan {
  /** 0 if it serves nothing within the objective. */
  readonly highestPerSecond: number;
  /** What the CPU of all balancers would serve without coordination. */
  readonly idealPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly floorP99Ms: number;
  /** Messages published through Redis, and delivered by it, per second. */
  readonly messagesPerSecond: number;
  readonly deliveredPerSecond: number;
  /** CPU of coordination of the master and of the others, and of Redis, in cores. */
  readonly masterCores: number;
  readonly slaveCores: number;
  readonly redisCores: number;
  /** The requests of the balancer that had most, over the mean. */
  readonly maxOverMean: number;
  /** What goes wrong at a higher load; null if the search found nothing. */
  readonly breach: string | null;
  /** Factor on the speed of the scenario's hosts, and the number of requests for which a simulated one stands. */
  readonly hostSpeed: number;
  readonly standsFor: number;
}

/** All fleets of a scenario, in the order of the report. */
export function planScaling(scenario: Scenario, { hosts, cpu, ways }: ScalingRules): ScalingPlan[] {
  const sizes = [...new Set(scenario.balancers)].toSorted((one, other) => one - other);
  const by = scenario.clients.by;
  const all = cpu.flatMap((each) =>
    hosts.flatMap((count) => sizes.map((balancers) => ({ balancers, hosts: count, cpu: each, clients: by }))),
  );
  const least = Math.min(...hosts);
  const several = sizes.filter((balancers) => balancers > 1);
  const others = ways.flatMap((way) => several.map((balancers) => ({ balancers, hosts: least, cpu: 'whole' as const, clients: way })));
  return [...all, ...others];
}

/** Simulates one fleet. */
export function simulateFleet(scenario: Scenario, plan: ScalingPlan, seed: number, standsFor?: number): ScalingFigure {
  const scaled = scaledScenario(scenario, plan, standsFor);
  const { balancers } = plan;
  const ideal = loadOf(scaled.scenario, scaled.idealPerSecond / scaled.standsFor);
  const policy = scenario.policies[0] as RivalName | Algorithm;
  const range = { lowest: LOWEST * ideal, highest: ideal, tolerance: TOLERANCE };
  const found = findHighestLoad({ scenario: scaled.scenario, policy, balancers, seed, objective: OBJECTIVE, ...range });
  return figureOf(plan, scaled, found);
}

/** A scenario whose requests stand for several. */
export interface Scaled {
  readonly scenario: Scenario;
  readonly standsFor: number;
  readonly hostSpeed: number;
  readonly idealPerSecond: number;
}

/** The scenario of a fleet, with requests that stand for several. */
export function scaledScenario(scenario: Scenario, { balancers, hosts, cpu, clients }: ScalingPlan, given?: number): Scaled {
  const cost = scenario.balancerCost as BalancerCost;
  const coresOf = (size: number): number => (cpu === 'whole' ? cost.cores : cost.cores / size);
  // The traffic thread uses one core at most, and its caches do not cool while it always runs.
  const idealOf = (size: number): number => (size * Math.min(1, coresOf(size)) * 1e6) / cost.requestMicros;
  const standsForOf = (size: number): number => given ?? Math.max(1, idealOf(size) / MAX_PER_SECOND);
  const [cores, idealPerSecond, standsFor] = [coresOf(balancers), idealOf(balancers), standsForOf(balancers)];
  const groups = withCount(scenario.hosts, hosts);
  const own: Scenario = { ...scenario, hosts: groups };
  const largest = Math.max(balancers, ...scenario.balancers);
  const needed = idealOf(largest) / (HOSTS_BUSY * perSecondOf(own, 1));
  const hostSpeed = Math.max(1, needed, standsForOf(largest));
  return {
    standsFor,
    hostSpeed,
    idealPerSecond,
    scenario: {
      ...own,
      hosts: groups.map((group) => withSpeed(group, hostSpeed / standsFor)),
      clients: { ...scenario.clients, by: clients },
      balancerCost: {
        ...cost,
        cores,
        requestMicros: cost.requestMicros * standsFor,
        coldMicros: cost.coldMicros * standsFor,
        coolMs: cost.coolMs * standsFor,
        // Connections are open already: a large fleet's short window would be spent on opening them.
        connectMicros: 0,
        standsFor,
      },
    },
  };
}

function withSpeed(group: HostGroup, factor: number): HostGroup {
  return { ...group, speed: group.speed * factor };
}

/** The same mix of hosts with another number of them. */
function withCount(groups: readonly HostGroup[], hosts: number): HostGroup[] {
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  let given = 0;
  let passed = 0;
  return groups
    .map((group) => {
      passed += group.count;
      const count = Math.round((hosts * passed) / total) - given;
      given += count;
      return { ...group, count };
    })
    .filter(({ count }) => count > 0);
}

function figureOf(plan: ScalingPlan, { standsFor, hostSpeed, idealPerSecond }: Scaled, { served, refused }: HighestLoad): ScalingFigure {
  // If it serves nothing, what it does at the lowest load still says why.
  const seen = served ?? refused;
  const use = seen?.outcome.use;
  const requests = use?.requests ?? [];
  const mean = requests.reduce((sum, each) => sum + each, 0) / plan.balancers;
  return {
    ...plan,
    highestPerSecond: (served?.perSecond ?? 0) * standsFor,
    idealPerSecond,
    p50Ms: (seen?.ms.p50 ?? Number.NaN) / standsFor,
    p99Ms: (seen?.ms.p99 ?? Number.NaN) / standsFor,
    floorP99Ms: (seen?.floorMs.p99 ?? Number.NaN) / standsFor,
    messagesPerSecond: use?.publishedPerSecond ?? 0,
    deliveredPerSecond: use?.deliveredPerSecond ?? 0,
    masterCores: use?.masterCores ?? 0,
    slaveCores: use?.slaveCores ?? 0,
    redisCores: use?.redisCores ?? 0,
    maxOverMean: Math.max(0, ...requests) / mean,
    breach: refused?.breach ?? null,
    hostSpeed,
    standsFor,
  };
}
