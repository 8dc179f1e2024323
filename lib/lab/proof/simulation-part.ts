// What the simulation adds to `bench fleet`, in a process of its own: it computes for a minute, and meanwhile the benchmark
// can be stopped.

import type { BenchContext } from '../context.js';
import { startRole } from '../processes.js';
import { fitRequest, isOverloaded, type MeasuredUse, withFit } from './cost-fit.js';
import type { BalancerCosts, ContestantFigures, LoadFigures, SimulationFigures } from './figures.js';
import type { CalibrationSetup } from './calibration-run.js';
import { withCoordination } from './coordination-fit.js';
import { type MeasuredFleet, type MeasuredLoad, simulateCalibration, simulateScaling, tickMsOf } from './simulate.js';
import type { MeasuredAt } from './simulated-costs.js';

/** Calibrated are fleets of these sizes, with equal total CPU. */
const CALIBRATED: ReadonlySet<number> = new Set([2, 4]);

const TIMEOUT_MS = 600_000;

/** What it starts from. */
export interface SimulationInput {
  readonly costs: BalancerCosts;
  readonly measuredAt: MeasuredAt;
  readonly setup: CalibrationSetup;
  readonly measured: readonly MeasuredFleet[];
  /** What the floor had at each load, and what Meercat's contestants used. */
  readonly floor: readonly MeasuredLoad[];
  readonly uses: readonly MeasuredUse[];
}

/** The costs as the loads show them, and how often load and hosts look at their clocks. */
export function fittedOf({ costs, setup, floor, uses, measuredAt }: Omit<SimulationInput, 'measured'>): {
  readonly costs: BalancerCosts;
  readonly tickMs: number;
} {
  const tickMs = tickMsOf(setup, floor);
  const ticking = { ...setup, tickMs };
  return { costs: withCoordination(withFit(costs, fitRequest(uses, ticking)), ticking, uses, measuredAt), tickMs };
}

/** What the floor had. */
export function floorLoadsOf(contestants: readonly ContestantFigures[]): MeasuredLoad[] {
  const loads = contestants.find(({ program }) => program === 'floor')?.loads ?? [];
  return loads.map(({ percent, perSecond, p50Ms, p99Ms }) => ({ percent, perSecond, p50Ms: p50Ms.median, p99Ms: p99Ms.median }));
}

/** What was measured of the fleets that are simulated too. Loads that were an overload are left out. */
export function measuredFleetsOf(contestants: readonly ContestantFigures[]): MeasuredFleet[] {
  const latencyOf = ({ p50Ms, p99Ms }: LoadFigures) => ({ p50Ms: p50Ms.median, p99Ms: p99Ms.median });
  return contestants
    .filter(({ program, balancers, comparisons }) => program === 'meercat' && CALIBRATED.has(balancers) && comparisons.includes('total'))
    .map((contestant) => ({
      balancers: contestant.balancers,
      cores: contestant.cpuEach ?? Number.NaN,
      highestPerSecond: contestant.highestPerSecond.median,
      loads: contestant.loads
        .filter((load) => !isOverloaded(contestant, load))
        .map((load) => Object.assign(latencyOf(load), { percent: load.percent, perSecond: load.perSecond })),
    }));
}

/** Simulates it all. */
export async function runSimulationPart({ say, shutdown }: BenchContext, input: SimulationInput): Promise<SimulationFigures> {
  const onStderr = (text: string): void => {
    for (const line of text.split('\n')) if (line.startsWith(PROGRESS)) say(line.slice(PROGRESS.length));
  };
  const { child } = await startRole('proof-simulation', [], { core: null, shutdown, onStderr });
  const done = child.next('simulated', TIMEOUT_MS);
  child.send({ type: 'simulate', ...input });
  const { figures } = await done;
  await child.stop();
  return figures as SimulationFigures;
}

const PROGRESS = 'progress: ';

/** Runs the role `proof-simulation`: replies to `simulate` with `simulated`. */
export async function runProofSimulation(): Promise<() => void> {
  process.on('message', (message: SimulationInput & { readonly type: string }) => {
    if (message.type !== 'simulate') return;
    const { measuredAt, setup, measured } = message;
    process.stderr.write(`${PROGRESS}simulation: ${measured.length} fleets as measured\n`);
    const { costs, tickMs } = fittedOf(message);
    const calibration = simulateCalibration(costs, { ...setup, tickMs }, measured, measuredAt);
    const onProgress = (share: number): void =>
      void process.stderr.write(`${PROGRESS}simulation: larger fleets, ${Math.round(share * 100)} % done\n`);
    const figures: SimulationFigures = { costs, calibration, ...simulateScaling(costs, { seed: setup.seed, measuredAt, onProgress }) };
    process.send?.({ type: 'simulated', figures });
  });
  process.send?.({ type: 'ready' });
  return () => undefined;
}
