// Turns of `bench fleet` as a simulation of them: the very same requests and neighbours, lengths, objective, search and
// rounds. What real turns do not share is chance, such as the phases of quota periods: each is simulated several times.

import { loadOf, type Objective } from '../simulation/highest-load.js';
import { floorOf } from '../simulation/matrix.js';
import { FLOOR } from '../simulation/policy-names.js';
import type { RunOutcome } from '../simulation/run-options.js';
import type { Scenario } from '../simulation/scenario.js';
import { runSimulation } from '../simulation/simulation.js';
import { percentile } from '../statistics.js';
import { spreadOf } from './faults-judge.js';
import { chanceOf } from './samples.js';
import { firstRung, FLOOR_RUNGS, floorAt, HighestSearch, LADDER, loadSeed, searchSeed, searchTurns } from './search.js';
import { turnRequests } from './turn-requests.js';
import { ENOUGH_REQUESTS, MOST_TIMES } from './turns.js';

/** A fleet in the setup of the real turns. */
export interface TurnsRun {
  /** With the times of a turn. */
  readonly scenario: Scenario;
  readonly balancers: number;
  /** CPU of each, in cores. */
  readonly cores: number;
  readonly hosts: number;
  /** The seed of the run, from which that of each turn follows. */
  readonly seed: number;
  /** As in the shape of a turn. */
  readonly slow: number;
  readonly sigma: number;
  readonly restMs: number;
  readonly tickMs: number;
  readonly drainMs: number;
  readonly hostsPerSecond: number;
  readonly rounds: number;
  readonly objective: Objective;
}

/** One of a turn's simulations. */
export interface TurnOutcome extends RunOutcome {
  /** Sorted. */
  readonly latencyMs: Float64Array;
}

/** Times that each turn is simulated. */
const TIMES = 5;
const CHANCE_SEED = 10_000_019;

/** Simulates one turn with the requests and neighbours of this seed; `time` draws all else. */
export function simulateTurn(run: TurnsRun, who: 'fleet' | 'floor', perSecond: number, seed: number, time = 0): TurnOutcome {
  const { balancers, tickMs, drainMs } = run;
  const { warmUpMs, durationMs: usualMs } = run.scenario;
  const durationMs = usualMs * Math.min(Math.max(1, (1000 * ENOUGH_REQUESTS) / perSecond / usualMs), MOST_TIMES);
  const alone = who === 'floor' ? { balancers: 1, restMs: 0 } : {};
  const drawn = turnRequests({ ...run, ...alone, perSecond, seed, lengthMs: warmUpMs + durationMs });
  const scenario = { ...run.scenario, warmUpMs: drawn.fromMs + warmUpMs, durationMs };
  const common = { ...drawn, load: loadOf(scenario, perSecond), seed: seed + time * CHANCE_SEED, tickMs };
  const outcome =
    who === 'floor'
      ? runSimulation({ ...common, scenario: floorOf(scenario), policy: FLOOR, balancers: 1 })
      : runSimulation({ ...common, scenario, policy: 'adaptive', balancers, drainMs });
  return { ...outcome, latencyMs: outcome.measure.sorted() };
}

/** The highest load as the rounds of the real search would find it, in requests per second: the mean of several searches. */
export function simulateHighest(run: TurnsRun): number {
  const { seed, hostsPerSecond, rounds } = run;
  const floors = eachRound(rounds, (round) =>
    FLOOR_RUNGS.map((rung) => {
      const share = LADDER[rung] as number;
      const { latencyMs } = simulateTurn(run, 'floor', share * hostsPerSecond, seed + searchSeed(round, rung));
      return { share, p99Ms: percentile(latencyMs, 0.99) };
    }),
  );
  const found = Array.from({ length: TIMES }, (_, time) => {
    const rungs: number[] = [];
    for (const [index, floor] of floors.entries()) {
      const round = index + 1;
      const start = rungs.at(-1) ?? firstRung({ program: 'meercat', ...run }, hostsPerSecond);
      const search = new HighestSearch(LADDER.length, start, searchTurns(round).most);
      for (let turn = 0; search.next !== null; turn++) {
        const share = LADDER[search.next] as number;
        // A rung that is tried again has the same requests, but not the same chance.
        const outcome = simulateTurn(run, 'fleet', share * hostsPerSecond, seed + searchSeed(round, search.next), time + TIMES * turn);
        search.record(isServed(outcome, run, floorAt(floor, share)));
      }
      rungs.push(search.result);
    }
    return spreadOf(rungs.map((rung) => (LADDER[rung] ?? 0) * hostsPerSecond)).median;
  });
  return found.reduce((sum, each) => sum + each, 0) / found.length;
}

function isServed({ latencyMs, errors, requests, backlog }: TurnOutcome, { scenario, objective }: TurnsRun, floorMs: number): boolean {
  const chance = chanceOf(latencyMs, scenario.durationMs / 1000) / Math.max(1, latencyMs.length);
  return (
    errors < objective.errors * requests &&
    percentile(latencyMs, 0.99) <= objective.timesFloor * floorMs &&
    backlog - chance <= objective.backlog
  );
}

/** Median and p99 of the requests of all rounds together; null if more requests failed than may: then it is overloaded. */
export function simulateLoad(
  run: TurnsRun,
  who: 'fleet' | 'floor',
  { percent, perSecond }: { readonly percent: number; readonly perSecond: number },
): { readonly p50Ms: number; readonly p99Ms: number } | null {
  const times = Array.from({ length: who === 'floor' ? 1 : TIMES }, (_, time) => time);
  const turns = eachRound(run.rounds, (round) =>
    times.map((time) => simulateTurn(run, who, perSecond, run.seed + loadSeed(round, percent), time)),
  ).flat();
  const failed = turns.map(({ errors, requests }) => errors / Math.max(1, requests));
  if (!(spreadOf(failed).median < run.objective.errors)) return null;
  const pooled = Float64Array.from(turns.flatMap(({ latencyMs }) => Array.from(latencyMs))).toSorted();
  return { p50Ms: percentile(pooled, 0.5), p99Ms: percentile(pooled, 0.99) };
}

function eachRound<Of>(rounds: number, of: (round: number) => Of): Of[] {
  return Array.from({ length: rounds }, (_, index) => of(index + 1));
}
