// The highest load that a fleet serves within a service level objective, found by halving. Deterministic: the same options
// give the same load.

import type { Algorithm } from '../../model.js';
import { type Latencies, latenciesOf } from './measure.js';
import { floorOf } from './matrix.js';
import { FLOOR, type RivalName } from './policy-names.js';
import { meanCapacityOf, meanCostOf, type Scenario } from './scenario.js';
import type { NeighbourMove, RunOutcome } from './run-options.js';
import { runSimulation } from './simulation.js';

/** What counts as served. */
export interface Objective {
  /** p99 at most this many times that of the floor on the same requests. */
  readonly timesFloor: number;
  /** Share (0..1) of requests that may fail. */
  readonly errors: number;
  /** Growth of the number of open requests, as a share (0..1) of all, above which a balancer falls behind. */
  readonly backlog: number;
}

/** p99 at most 5 times the floor's, less than 0.1 % errors, and no growing queue. */
export const OBJECTIVE: Objective = { timesFloor: 5, errors: 0.001, backlog: 0.03 };

/** The search begins at this share of the highest load. */
const FIRST_SHARE = 0.85;

/** A fleet and its hosts. */
export interface FleetRun {
  readonly scenario: Scenario;
  readonly policy: RivalName | Algorithm;
  readonly balancers: number;
  readonly seed: number;
  readonly neighbourMoves?: readonly NeighbourMove[];
  /** As in the options of a run. */
  readonly tickMs?: number;
  /** What has not ended within this time after the last request has failed; by default 5 times the floor's p99 and a second. */
  readonly drainMs?: number;
}

/** What a search is to find. */
export interface HighestLoadOptions extends FleetRun {
  readonly objective?: Objective;
  /** Loads as shares of what the hosts can do: the search stays between them. */
  readonly lowest: number;
  readonly highest: number;
  /** It ends when the load is known to within this share of it. */
  readonly tolerance: number;
}

/** A load, and how it was served. */
export interface ServedLoad {
  readonly load: number;
  readonly perSecond: number;
  readonly ms: Latencies;
  readonly floorMs: Latencies;
  readonly outcome: RunOutcome;
  /** Why it is not within the objective; null if it is. */
  readonly breach: string | null;
}

/** The result of a search. */
export interface HighestLoad {
  /** The highest load that was served; null if not even the lowest one was. */
  readonly served: ServedLoad | null;
  /** The lowest one that was not; null if even the highest one was. */
  readonly refused: ServedLoad | null;
}

/** Runs a fleet under a load, and the floor with the same requests. */
export function serve(run: FleetRun, load: number, objective: Objective = OBJECTIVE): ServedLoad {
  const { scenario, policy, balancers, seed, neighbourMoves = [], tickMs = 0 } = run;
  const floor = runSimulation({ scenario: floorOf(scenario), policy: FLOOR, balancers: 1, load, seed, neighbourMoves, tickMs });
  const floorMs = latenciesOf(floor.measure.sorted());
  const drainMs = run.drainMs ?? objective.timesFloor * floorMs.p99 + 1000;
  const outcome = runSimulation({ scenario, policy, balancers, load, seed, drainMs, neighbourMoves, tickMs });
  const ms = latenciesOf(outcome.measure.sorted());
  return {
    load,
    perSecond: perSecondOf(scenario, load),
    ms,
    floorMs,
    outcome,
    breach: breachOf(outcome, ms.p99 / floorMs.p99, objective),
  };
}

/** Finds the highest load within the objective, if every lower one is. */
export function findHighestLoad(options: HighestLoadOptions): HighestLoad {
  const { lowest, highest, tolerance, objective = OBJECTIVE } = options;
  let [served, refused]: [ServedLoad | null, ServedLoad | null] = [null, null];
  let load = Math.max(lowest, FIRST_SHARE * highest);
  // What the first run needs of CPU tells where the limit should be; from there in steps that double, then by halves.
  let step = tolerance;
  let isAtLimit = false;
  for (;;) {
    const next = serve(options, load, objective);
    if (next.breach === null) served = next;
    else refused = next;
    if (served !== null && (served.load >= highest || (refused !== null && refused.load <= (1 + tolerance) * served.load))) break;
    if (served === null && load <= lowest) break;
    const [from, to]: [number, number] = [served?.load ?? lowest, refused?.load ?? highest];
    const need = next.outcome.use?.need ?? 0;
    const expected = (load * (1 - tolerance / 4)) / need;
    if (!isAtLimit && need > 0 && expected > from && expected < to) {
      isAtLimit = true;
      load = expected;
    } else if (served !== null && refused !== null) {
      load = Math.min(Math.sqrt(from * to), from * (1 + step));
      step *= 2;
    } else {
      load = Math.min(Math.max(served === null ? to / (1 + step) : from * (1 + step), lowest), highest);
      step *= 2;
    }
  }
  return { served, refused };
}

/** Requests per second at a load. */
export function perSecondOf(scenario: Scenario, load: number): number {
  return (1000 * load * meanCapacityOf(scenario)) / meanCostOf(scenario);
}

/** The load at which this number of requests comes each second. */
export function loadOf(scenario: Scenario, perSecond: number): number {
  return perSecond / perSecondOf(scenario, 1);
}

function breachOf({ errors, requests, backlog, use }: RunOutcome, times: number, objective: Objective): string | null {
  // Queues that grow show only after a while.
  if (use !== null && use.need > 1)
    return `requests of ${use.isMasterNeediest ? 'the master' : 'a balancer'} need ${(100 * use.need).toFixed(0)} % of the CPU that coordination leaves`;
  if (!(errors < objective.errors * requests)) return `${((100 * errors) / requests).toFixed(2)} % errors`;
  if (!(times <= objective.timesFloor)) return `p99 ${times.toFixed(1)} times the floor's`;
  if (backlog > objective.backlog) return `falls behind by ${(100 * backlog).toFixed(1)} % of all requests`;
  return null;
}
