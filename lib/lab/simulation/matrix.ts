// All runs of a scenario: for each load and number of balancers the floor first, then each policy, all with the same
// requests and the same neighbours. Returns figures; prints nothing.

import type { Algorithm } from '../../model.js';
import { percentile } from '../statistics.js';
import { type CpuUse, type Latencies, latenciesOf, type StreamCounts, type Window } from './measure.js';
import { FLOOR, isOmniscient, type RivalName, usesFleet } from './policy-names.js';
import type { Scenario } from './scenario.js';
import { runSimulation } from './simulation.js';

/** A policy has recovered once its p99 stays within this factor of the floor's, */
const BACK_WITHIN = 1.3;

/** in every window for this long. */
const BACK_FOR_MS = 1000;

/** Number of points of the report's latency curves, at fractions 1 - 10^(-x/8), up to 99.99 %. */
const TAIL_POINTS = 33;

/** Tail latencies: `nines[i]` belongs to the fraction 1 - 10^-x. */
export interface Tail {
  readonly nines: readonly number[];
  readonly ms: readonly number[];
}

/** One window after an event, with the floor's p99 in the same one. */
export interface ReportWindow extends Window {
  readonly floorP99: number;
}

/** Latencies as multiples of the floor's, on the same requests. */
export type OverFloor = Readonly<Record<'p50' | 'p90' | 'mean' | 'p99' | 'p999', number>>;

/** The result of one run. */
export interface SimulationRun {
  readonly balancers: number;
  readonly load: number;
  readonly policy: string;
  /** All requests, and those of them without an answer. */
  readonly requests: number;
  readonly errors: number;
  readonly retries: number;
  /** Messages between agents, balancers and master. */
  readonly messages: number;
  /** Messages that the policy needs, per request: those of the product use the ones above, a peer its own probes or polls. */
  readonly messagesPerRequest: number;
  /** Latencies after the warm-up. */
  readonly ms: Latencies;
  /** The latencies as multiples of the floor's. */
  readonly overFloor: OverFloor;
  readonly cpu: CpuUse;
  /** Long-lived requests, which are in no latency; null without any. */
  readonly streams: StreamCounts | null;
  readonly windows: readonly ReportWindow[];
  /** Recovery time after an event, in ms: from then on p99 stayed within 1.3 times the floor's; null if it never did, or without events. */
  readonly backAfterMs: number | null;
  readonly tail: Tail;
}

/** Progress of the whole matrix. */
export interface Progress {
  readonly run: number;
  readonly runs: number;
  readonly policy: string;
  readonly balancers: number;
  readonly load: number;
  /** Completed share (0..1) of the current run. */
  readonly share: number;
  /** What is simulated, in place of policy, balancers and load. */
  readonly what?: string;
}

interface Plan {
  readonly balancers: number;
  readonly load: number;
  readonly policy: RivalName | Algorithm;
}

/** Runs all of it, one after the other, and hands out each run when it is done. */
export function runMatrix(
  scenario: Scenario,
  seed: number,
  onProgress: (progress: Progress) => void,
  onRun: (run: SimulationRun) => void = () => undefined,
): SimulationRun[] {
  const plans = planRuns(scenario);
  const floors = new Map<string, SimulationRun>();
  const runs: SimulationRun[] = [];
  for (const [index, { balancers, load, policy }] of plans.entries()) {
    const tell = (share: number): void => onProgress({ run: index, runs: plans.length, policy, balancers, load, share });
    tell(0);
    const key = floorKeyOf(scenario, balancers, load);
    // An omniscient policy gives the same result for any number of balancers.
    const known = policy === FLOOR ? floors.get(key) : undefined;
    const run = known === undefined ? runOne({ scenario, seed, balancers, load, policy }, floors.get(key), tell) : { ...known, balancers };
    if (policy === FLOOR) floors.set(key, run);
    runs.push(run);
    onRun(run);
  }
  return runs;
}

/** How many runs a scenario takes. */
export function countRuns(scenario: Scenario): number {
  return planRuns(scenario).length;
}

/** The runs in their order, each once: the floor is always among them. */
function planRuns({ balancers, loads, policies }: Scenario): Plan[] {
  const names = [...new Set([FLOOR, ...policies])] as (RivalName | Algorithm)[];
  return [...new Set(loads)].flatMap((load) =>
    [...new Set(balancers)].flatMap((count) => names.map((policy) => ({ balancers: count, load, policy }))),
  );
}

function floorKeyOf({ events }: Scenario, balancers: number, load: number): string {
  const isOfBalancers = events.some(({ what }) => what === 'balancers-die' || what === 'master-dies');
  return `${load} ${isOfBalancers || !isOmniscient(FLOOR) ? balancers : 0}`;
}

function runOne(
  { scenario, seed, balancers, load, policy }: Plan & { scenario: Scenario; seed: number },
  floor: SimulationRun | undefined,
  onProgress: (share: number) => void,
): SimulationRun {
  const outcome = runSimulation({ scenario: policy === FLOOR ? floorOf(scenario) : scenario, policy, balancers, load, seed, onProgress });
  const { measure, requests, errors, retries, messages, direct } = outcome;
  const sorted = measure.sorted();
  const ms = latenciesOf(sorted);
  const windows = measure
    .windows()
    .map(({ fromMs, count, p99 }, index) => ({ fromMs, count, p99, floorP99: floor?.windows[index]?.p99 ?? p99 }));
  return {
    balancers,
    load,
    policy,
    requests,
    errors,
    retries,
    messages,
    messagesPerRequest: (usesFleet(policy) ? messages : direct) / requests,
    ms,
    overFloor: overFloorOf(ms, floor?.ms ?? ms),
    cpu: measure.cpu,
    streams: measure.streams,
    windows,
    backAfterMs: backAfter(windows, scenario.windowMs),
    tail: tailOf(sorted),
  };
}

/** The scenario of the floor: no balancer is in the way. */
export function floorOf(scenario: Scenario): Scenario {
  return { ...scenario, balancerCost: null, redisCost: null, clients: { ...scenario.clients, by: 'even' } };
}

function overFloorOf(ms: Latencies, floor: Latencies): OverFloor {
  return {
    p50: ms.p50 / floor.p50,
    p90: ms.p90 / floor.p90,
    mean: ms.mean / floor.mean,
    p99: ms.p99 / floor.p99,
    p999: ms.p999 / floor.p999,
  };
}

/** The first window from which p99 stays within the factor of the floor's, for a second. */
function backAfter(windows: readonly ReportWindow[], windowMs: number): number | null {
  if (windowMs === 0 || windows.length === 0) return null;
  const needed = Math.ceil(BACK_FOR_MS / windowMs);
  const after = windows.filter(({ fromMs }) => fromMs >= 0);
  const isBack = ({ p99, floorP99 }: ReportWindow): boolean => !(p99 > BACK_WITHIN * floorP99);
  const at = after.findIndex((_, index) => index + needed <= after.length && after.slice(index, index + needed).every(isBack));
  return at < 0 ? null : (after[at] as ReportWindow).fromMs;
}

function tailOf(sorted: Float64Array): Tail {
  const nines = Array.from({ length: TAIL_POINTS }, (_, point) => point / 8);
  return { nines, ms: nines.map((nine) => percentile(sorted, 1 - 10 ** -nine)) };
}
