// What the simulation adds to `bench fleet`: whether it agrees with real processes where both can run, and how far fleets
// scale where no machine at hand can follow. Deterministic: the same costs and seed give the same figures.

import { percentile } from '../statistics.js';
import { planScaling, type ScalingFigure, simulateFleet } from '../simulation/fleet-scaling.js';
import { limitsOf } from '../simulation/scaling-limits.js';
import { readScenario } from '../simulation/scenario-file.js';
import type { Scenario } from '../simulation/scenario.js';
import { FLEET_SCENARIO } from '../simulation/scenarios.js';
import { calibrationRun, type CalibrationSetup } from './calibration-run.js';
import type { BalancerCosts, Calibration, ScalingPoint, SimulationFigures } from './figures.js';
import { simulateHighest, simulateLoad } from './simulated-turns.js';
import { balancerCostOf, MEASURED_AT, type MeasuredAt, redisCostOf } from './simulated-costs.js';

/** What real processes of a fleet showed, to be compared. */
export interface MeasuredFleet {
  readonly balancers: number;
  /** CPU of each balancer, in cores. */
  readonly cores: number;
  readonly highestPerSecond: number;
  readonly loads: readonly MeasuredLoad[];
}

/** What was seen at a load. */
export interface MeasuredLoad {
  /** Which of the loads of its comparison it is: its requests follow from it. */
  readonly percent: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What a compared highest load is called, of a fleet whose balancers have this many cores. */
export function highestName(cores: number): string {
  return `highest load ${coresName(cores)}`;
}

/** What a compared latency is called. */
export function latencyName(latency: 'p50' | 'p99', perSecond: number, cores: number): string {
  return `${latency} at ${Math.round(perSecond)} requests/s ${coresName(cores)}`;
}

function coresName(cores: number): string {
  return `of ${cores.toFixed(3)} cores each`;
}

/** Simulates what was measured, and compares. */
export function simulateCalibration(
  costs: BalancerCosts,
  setup: CalibrationSetup,
  measured: readonly MeasuredFleet[],
  at: MeasuredAt = MEASURED_AT,
): readonly Calibration[] {
  return measured.flatMap(({ balancers, cores, highestPerSecond, loads }) => {
    const run = calibrationRun(costs, setup, { balancers, cores }, at);
    const highest = simulateHighest(run);
    const highestFigure = { what: highestName(cores), balancers, real: highestPerSecond, simulated: highest };
    const figures = loads.flatMap(({ percent, perSecond, p50Ms, p99Ms }) => {
      // Latencies of an overloaded fleet say only for how long it was overloaded.
      const simulated = perSecond > highest ? null : simulateLoad(run, 'fleet', { percent, perSecond });
      if (simulated === null) return [];
      return [
        { what: latencyName('p50', perSecond, cores), balancers, real: p50Ms, simulated: simulated.p50Ms },
        { what: latencyName('p99', perSecond, cores), balancers, real: p99Ms, simulated: simulated.p99Ms },
      ];
    });
    return [highestFigure, ...figures];
  });
}

/**
 * How often load and hosts look at their clocks. The floor has no balancer: its median exceeds the simulated one by a wait
 * for each of the two clocks, which is half a tick on average. The median over all loads.
 */
export function tickMsOf(setup: CalibrationSetup, floor: readonly MeasuredLoad[]): number {
  const run = { ...calibrationRun(NO_COSTS, setup, { balancers: 1, cores: 1 }, MEASURED_AT), tickMs: 0 };
  const more = floor.map((load) => load.p50Ms - (simulateLoad(run, 'floor', load)?.p50Ms ?? load.p50Ms));
  return more.length === 0 ? 0 : Math.max(0, percentile(Float64Array.from(more).toSorted(), 0.5));
}

const NO_COSTS: BalancerCosts = {
  requestMicros: 1,
  wakeMicros: 0,
  coolMs: 0,
  slaveCores: 0,
  masterCores: 0,
  masterMessageMicros: 0,
  redisMessageMicros: 0,
};

/** Options of `simulateScaling`. */
export interface SimulateScalingOptions {
  readonly seed?: number;
  readonly measuredAt?: MeasuredAt;
  /** Numbers of balancers and hosts; by default those of `meercat simulate fleet`. */
  readonly balancers?: readonly number[];
  readonly hosts?: readonly number[];
  /** Called before each fleet with the completed share (0..1). */
  readonly onProgress?: (share: number) => void;
}

/** Simulates fleets of up to 64 balancers with up to 1,000 hosts, and says what ends their scaling. */
export function simulateScaling(costs: BalancerCosts, options: SimulateScalingOptions = {}): Pick<SimulationFigures, 'scaling' | 'limits'> {
  const { seed = 1, measuredAt = MEASURED_AT, balancers, hosts, onProgress = () => undefined } = options;
  const read = readScenario(FLEET_SCENARIO, FLEET_SCENARIO.name);
  const scenario: Scenario = {
    ...read,
    balancers: balancers ?? read.balancers,
    balancerCost: balancerCostOf(costs, 1, 0, measuredAt),
    redisCost: redisCostOf(costs),
  };
  const rules = { hosts: [], cpu: [], ways: [], ...read.scaling, ...(hosts !== undefined && { hosts }) };
  const plans = planScaling(scenario, rules);
  const figures = plans.map((plan, index) => {
    onProgress(index / plans.length);
    return simulateFleet(scenario, plan, seed);
  });
  return { scaling: figures.map(pointOf), limits: limitsOf(scenario, figures) };
}

function pointOf(figure: ScalingFigure): ScalingPoint {
  const { balancers, hosts, cpu, clients, highestPerSecond, p50Ms, p99Ms, messagesPerSecond, masterCores, redisCores } = figure;
  return { balancers, hosts, cpu, clients, highestPerSecond, p50Ms, p99Ms, messagesPerSecond, masterCores, redisCores };
}
