// Turns of `bench fleet` as a simulation of them: the same loads, lengths, objective, search and rounds. Near its limit a
// fleet serves a load in one turn and not in the next, so the highest load depends on how it is looked for.

import { floorOf } from '../simulation/matrix.js';
import { type FleetRun, loadOf, OBJECTIVE, type Objective } from '../simulation/highest-load.js';
import { latenciesOf } from '../simulation/measure.js';
import { FLOOR } from '../simulation/policy-names.js';
import { runSimulation } from '../simulation/simulation.js';
import { percentile } from '../statistics.js';
import { spreadOf } from './faults-judge.js';
import { HighestSearch, LADDER } from './search.js';
import { ENOUGH_REQUESTS, MOST_TIMES } from './turns.js';

/** What one simulated turn showed. */
export interface SimulatedTurn {
  /** Sorted. */
  readonly latencyMs: Float64Array;
  /** Whether more requests failed than may. */
  readonly hasErrors: boolean;
  /** Whether it is within the objective. */
  readonly isServed: boolean;
}

/** Simulates one turn with the requests of this seed. */
export function simulateTurn(run: FleetRun, perSecond: number, seed: number, objective: Objective = OBJECTIVE): SimulatedTurn {
  const seconds = run.scenario.durationMs / 1000;
  const longer = Math.min(Math.max(1, ENOUGH_REQUESTS / perSecond / seconds), MOST_TIMES);
  const scenario = { ...run.scenario, durationMs: run.scenario.durationMs * longer };
  const common = { ...run, seed, load: loadOf(run.scenario, perSecond) };
  const floor = runSimulation({ ...common, scenario: floorOf(scenario), policy: FLOOR, balancers: 1 });
  const outcome = runSimulation({ ...common, scenario });
  const latencyMs = outcome.measure.sorted();
  const times = latenciesOf(latencyMs).p99 / latenciesOf(floor.measure.sorted()).p99;
  const hasErrors = !(outcome.errors < objective.errors * outcome.requests);
  const isServed =
    !hasErrors && times <= objective.timesFloor && outcome.backlog - chanceOf(latencyMs, scenario.durationMs) <= objective.backlog;
  return { latencyMs, hasErrors, isServed };
}

/** The median of the highest rungs of the rounds, in requests per second; each round begins where the one before ended. */
export function simulateHighest(run: FleetRun, hostsPerSecond: number, rounds: number, objective?: Objective): number {
  const found: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const search = new HighestSearch(LADDER.length, found.at(-1));
    for (let turn = 0; search.next !== null; turn++) {
      // The real one repeats the requests of a rung, but not what else happens by chance, such as the phases of periods.
      const seed = run.seed + round * 1000 + search.next + turn * 100_000;
      search.record(simulateTurn(run, (LADDER[search.next] as number) * hostsPerSecond, seed, objective).isServed);
    }
    found.push(search.result);
  }
  return spreadOf(found.map((rung) => (LADDER[rung] ?? 0) * hostsPerSecond)).median;
}

/** Median and p99 of the requests of all rounds together; null if requests failed: then it is overloaded. */
export function simulateLoad(
  run: FleetRun,
  perSecond: number,
  rounds: number,
  objective?: Objective,
): { readonly p50Ms: number; readonly p99Ms: number } | null {
  const turns = Array.from({ length: rounds }, (_, index) => simulateTurn(run, perSecond, run.seed + (index + 1) * 1000 + 100, objective));
  if (turns.some(({ hasErrors }) => hasErrors)) return null;
  const pooled = Float64Array.from(turns.flatMap(({ latencyMs }) => Array.from(latencyMs))).toSorted();
  return { p50Ms: percentile(pooled, 0.5), p99Ms: percentile(pooled, 0.99) };
}

/** How far the backlog differs by chance, as a share of the requests: as in samples.ts. */
function chanceOf(latencyMs: Float64Array, durationMs: number): number {
  const waiting = latencyMs.reduce((sum, each) => sum + each, 0) / durationMs;
  return (3 * Math.sqrt(2 * waiting)) / Math.max(1, latencyMs.length);
}
