// `bench ablation`: switches each constant of the adaptive path off, one at a time, over many scenarios and seeds, and
// reports what each is worth. Every run is a process of its own, in which the module loader replaces the constant, so
// that the product needs no seam. The unchanged runs are done once. Ctrl-C keeps what is finished.

import { availableParallelism } from 'node:os';
import { createShutdown } from '../shutdown.js';
import { messageOf } from '../errors.js';
import type { AblatedFigures, AblatedOrder } from './ablated-run.js';
import { type AblationPlan, CONTROL, planAblation, replacementOf } from './ablation-plan.js';
import {
  type AblationSummary,
  ablationTables,
  type BySeed,
  COMPARED,
  comparePoints,
  EARNS,
  labelOf,
  roundedWorth,
  summarize,
} from './ablation-report.js';
import type { Ablation } from './ablations.js';
import type { BenchContext } from './context.js';
import { startRole } from './processes.js';
import { type BenchReport, goalBelow, unlessLacking } from './report.js';
import type { Scenario } from './simulation/scenario.js';

/** Longest time of one process, in ms: a day. */
const RUN_TIMEOUT_MS = 86_400_000;

/** Interval between two lines about progress, in ms. */
const SAY_EVERY_MS = 5000;

/** The simulation of one scenario with one seed. */
interface Job {
  /** Undefined: nothing is replaced. */
  readonly ablation: Ablation | undefined;
  readonly scenario: Scenario;
  readonly seed: number;
}

/** The figures of all finished jobs, by ablation and scenario. */
type Results = Map<Ablation | undefined, Map<Scenario, Map<number, readonly AblatedFigures[]>>>;

/** Runs the benchmark. */
export async function runAblation({ flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const plan = planAblation(flags);
  const jobs = jobsOf(plan);
  const abort = new AbortController();
  const results: Results = new Map();
  const wrong: string[] = [];
  const tell = progressOf(jobs.length, say);
  const measuring = inLanes(jobs, abort.signal, async (job) => {
    try {
      const figures = await simulateApart(job, abort.signal);
      record(results, job, figures);
    } catch (error) {
      if (abort.signal.aborted) return;
      // Without the unchanged run there is nothing to compare with.
      if (job.ablation === undefined) throw error;
      wrong.push(`${labelOf(job.ablation)}, ${job.scenario.name}, seed ${job.seed}: ${messageOf(error)}`);
    }
    tell(job);
  });
  // Ends the runs, and waits until what is finished has been reported.
  shutdown.add(async () => {
    abort.abort();
    await measuring.catch(() => undefined);
  });
  await measuring;
  return reportOf(plan, results, jobs.length, wrong);
}

/** The unchanged runs first, then one ablation after the other, so that an early end leaves whole rows. */
function jobsOf({ ablations, scenarios, seeds }: AblationPlan): Job[] {
  return [undefined, ...ablations].flatMap((ablation) =>
    scenarios.flatMap((scenario) => seeds.map((seed) => ({ ablation, scenario, seed }))),
  );
}

/** Works through the jobs on all cores; stops early when `signal` is aborted or a job rejects. */
async function inLanes(jobs: readonly Job[], signal: AbortSignal, run: (job: Job) => Promise<void>): Promise<void> {
  const waiting = jobs.values();
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (const job of waiting) {
      if (signal.aborted || hasFailed) return;
      try {
        // oxlint-disable-next-line no-await-in-loop -- one at a time in each lane
        await run(job);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: availableParallelism() }, lane));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Simulates in a process of its own, which is killed when `signal` is aborted. */
async function simulateApart({ ablation, scenario, seed }: Job, signal: AbortSignal): Promise<readonly AblatedFigures[]> {
  const own = createShutdown(() => undefined);
  try {
    const isReplaced = ablation !== undefined && ablation !== CONTROL;
    const pickSeed = ablation === CONTROL ? seed + 1 : seed;
    const { child } = await startRole('ablated', [], { core: null, shutdown: own });
    const onAbort = (): void => child.kill('SIGKILL');
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const simulated = child.next('simulated', RUN_TIMEOUT_MS);
      child.send({
        order: { scenario, seed, pickSeed, replacement: isReplaced ? replacementOf(ablation) : undefined } satisfies AblatedOrder,
      });
      return (await simulated).figures as readonly AblatedFigures[];
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  } finally {
    await own.run();
  }
}

function record(results: Results, { ablation, scenario, seed }: Job, figures: readonly AblatedFigures[]): void {
  const byScenario = results.get(ablation) ?? new Map<Scenario, Map<number, readonly AblatedFigures[]>>();
  results.set(ablation, byScenario);
  const bySeed = byScenario.get(scenario) ?? new Map<number, readonly AblatedFigures[]>();
  byScenario.set(scenario, bySeed.set(seed, figures));
}

/** Tells from time to time how many runs are done, and how long the others may take. */
function progressOf(count: number, say: (line: string) => void): (job: Job) => void {
  const startMs = performance.now();
  let saidAtMs = startMs;
  let done = 0;
  say(`${count} runs of a scenario`);
  return ({ ablation, scenario }) => {
    done++;
    const nowMs = performance.now();
    if (nowMs - saidAtMs < SAY_EVERY_MS) return;
    saidAtMs = nowMs;
    const leftSeconds = Math.ceil(((nowMs - startMs) * (count - done)) / done / 1000);
    const what = ablation === undefined ? 'unchanged' : labelOf(ablation);
    say(`${done} of ${count} runs, ${what}, ${scenario.name}; about ${leftSeconds} s left`);
  };
}

function reportOf({ ablations, scenarios, seeds, seconds }: AblationPlan, results: Results, planned: number, wrong: string[]): BenchReport {
  const none: BySeed = new Map();
  const runsOf = (ablation: Ablation | undefined, scenario: Scenario): BySeed => results.get(ablation)?.get(scenario) ?? none;
  const summaries = ablations.map((ablation) =>
    summarize(
      ablation,
      scenarios.flatMap((scenario) => comparePoints(scenario.name, seeds, runsOf(undefined, scenario), runsOf(ablation, scenario))),
    ),
  );
  let finished = 0;
  for (const byScenario of results.values()) for (const { size } of byScenario.values()) finished += size;
  const missing = planned - finished;
  const idle = countIdle(summaries);
  const lack =
    scenarios.length < 2
      ? 'a rule must earn its place in two scenarios, so simulate more than one'
      : missing > 0
        ? 'runs are missing'
        : undefined;
  return {
    notes: [
      `${scenarios.map(({ name }) => name).join(', ')}; seeds ${seeds.join(', ')}; ${seconds} s each, with events as long as they need`,
      'figures with the constant replaced, as multiples of those without: above 1 the rule earns something; errors: additional ones',
      `earns in, costs in: scenarios with 3 % of mean or p99; ${finished} runs${missing > 0 ? ` of ${planned}: ${missing} are missing` : ''}`,
    ],
    tables: ablationTables(summaries),
    goals: [
      unlessLacking(
        lack,
        goalBelow(`constants that earn less than ${Math.round(100 * EARNS - 100)} % in two scenarios`, idle, 0, '', true),
      ),
    ],
    wrong,
    figures: { seeds, seconds, planned, missing, compared: COMPARED, ablations: summaries.map(toFigures) },
  };
}

/** Constants of which no replacement makes things worse in two scenarios. */
function countIdle(summaries: readonly AblationSummary[]): number {
  const most = new Map<string, number>();
  for (const { ablation, points, earnsIn } of summaries) {
    if (ablation === CONTROL) continue;
    const key = `${ablation.file} ${ablation.name}`;
    if (points.length > 0) most.set(key, Math.max(most.get(key) ?? 0, earnsIn.length));
  }
  return [...most.values()].filter((scenarios) => scenarios < 2).length;
}

function toFigures({ ablation, worth, points, ...rest }: AblationSummary): Readonly<Record<string, unknown>> {
  return {
    ...ablation,
    ...rest,
    worth: roundedWorth(worth),
    points: points.map(({ scenario, balancers, load, worth: each, errors }) => ({
      scenario,
      balancers,
      load,
      worth: roundedWorth(each),
      errors,
    })),
  };
}
