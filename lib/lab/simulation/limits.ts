// `meercat simulate limits`: fleets of several sizes with a limit, in all scenarios, and how far from the limit they were. The
// goals are those of docs/limits.md; a missed one is marked in the table and is not a failure.

import { setImmediate } from 'node:timers/promises';
import { type CheckCosts, measureChecks } from '../limit-checks.js';
import { formatTable, type Rows } from '../report.js';
import { LIMIT_KINDS, type LimitFigures, type LimitRun, runLimit } from './limit-run.js';
import { LIMIT_SCENARIOS } from './limit-scenarios.js';

/** Deviation that is the goal: usually, and of the mean of the two seconds after a fault. */
const GOAL = 0.05;
const GOAL_AFTER = 0.1;

/** What is simulated. */
export interface LimitsRequest {
  readonly balancers: readonly number[];
  readonly loads: readonly number[];
  readonly everyMs: number;
  readonly seed: number;
  readonly isJson: boolean;
}

/** What `--balancers`, `--load` and `--exchange` are by default. */
export const LIMITS_DEFAULTS = { balancers: [1, 2, 8, 64], loads: [1.5], everyMs: 100 } as const;

interface Row {
  readonly run: LimitRun;
  readonly figures: LimitFigures;
}

/** Simulates and prints; ends early, with what is done, when `signal` is aborted. Gives how many runs are missing. */
export async function simulateLimits(
  { balancers, loads, everyMs, seed, isJson }: LimitsRequest,
  signal: AbortSignal,
  stdout: { write(text: string): unknown } = process.stdout,
): Promise<number> {
  const runs = loads.flatMap((load) =>
    balancers.flatMap((size) =>
      LIMIT_KINDS.flatMap((kind) =>
        // A fleet of one ends when it dies.
        LIMIT_SCENARIOS.filter(({ fault }) => size > 1 || fault === null || fault.what === 'redis-away').map((scenario) => ({
          kind,
          scenario,
          balancers: size,
          everyMs,
          load,
          seed,
        })),
      ),
    ),
  );
  const rows: Row[] = [];
  for (const run of runs) {
    if (signal.aborted) break;
    rows.push({ run, figures: runLimit(run) });
    // Lets a signal in.
    await setImmediate();
  }
  const costs = measureChecks();
  stdout.write(isJson ? toJson(rows, costs, everyMs, seed) : format(rows, costs, everyMs, seed));
  return runs.length - rows.length;
}

function toJson(rows: readonly Row[], checks: CheckCosts, everyMs: number, seed: number): string {
  const runs = rows.map(({ run, figures }) => ({
    kind: run.kind,
    scenario: run.scenario.name,
    balancers: run.balancers,
    load: run.load,
    ...Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number.isNaN(value) ? null : round(value as number)])),
    reached: isReached(figures),
  }));
  return `${JSON.stringify({ simulate: 'limits', seed, everyMs, goal: GOAL, goalAfterFault: GOAL_AFTER, runs, checks })}\n`;
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;

function isReached({ over, under, afterFault }: LimitFigures): boolean {
  return over <= GOAL && under <= GOAL && !(Math.abs(afterFault) > GOAL_AFTER);
}

function format(rows: readonly Row[], checks: CheckCosts, everyMs: number, seed: number): string {
  const table: Rows = [
    ['limit', 'scenario', 'balancers', 'load', 'over %', 'under %', '2 s after %', 'first second %', 'goal'],
    ...rows.map(({ run, figures }) => [
      run.kind,
      run.scenario.name,
      run.balancers,
      run.load.toFixed(2),
      percent(figures.over),
      percent(figures.under),
      Number.isNaN(figures.afterFault) ? '' : percent(figures.afterFault),
      percent(figures.firstSecond),
      isReached(figures) ? 'yes' : 'no',
    ]),
  ];
  return [
    `simulate limits: how far fleets are from a limit of 1,000 requests in flight, or of 4,000 requests a second with a burst of 100`,
    `  seed ${seed}; an exchange every ${everyMs} ms; load: demand over the limit; over and under: the worst second, without the two`,
    '  after a fault for under; 2 s after: the mean of the two seconds after a fault; goal: 5 %, and 10 % after a fault',
    '',
    formatTable(table),
    '',
    `a check takes ${Math.round(checks.inflightNs)} ns (in flight, begin and end), ${Math.round(checks.rateNs)} ns (rate), ${Math.round(checks.rateWithHashNs)} ns (rate, with the hash of an address); ${checks.rateBytes.toFixed(2)} bytes of heap`,
    '',
  ].join('\n');
}

/** 0.123 as 12.3. */
function percent(part: number): string {
  return (100 * part).toFixed(1);
}
