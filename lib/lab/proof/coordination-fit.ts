// What coordination costs under load. At rest there are few messages, and they find a machine whose caches nobody else
// uses; how many come under load depends on how fast a fleet exchanges, which follows its CPU. So the simulated exchange is
// compared with the CPU that real coordination needed at each load. Deterministic.

import { spreadOf } from './faults-judge.js';
import type { BalancerCosts } from './figures.js';
import { calibrationRun, type CalibrationSetup } from './calibration-run.js';
import type { MeasuredUse } from './cost-fit.js';
import { loadSeed } from './search.js';
import type { MeasuredAt } from './simulated-costs.js';
import { simulateTurn } from './simulated-turns.js';

/** Steps of the fit: dearer messages are fewer. */
const STEPS = 3;

/** The costs with coordination multiplied by what fits the median load; as they are without loads. */
export function withCoordination(
  costs: BalancerCosts,
  setup: CalibrationSetup,
  uses: readonly MeasuredUse[],
  at: MeasuredAt,
): BalancerCosts {
  let factor = 1;
  for (let step = 0; step < STEPS && uses.length > 0; step++) {
    const fitted = scaled(costs, factor);
    const ratios = uses.map((use) => (use.balancers * use.coordinationCores) / simulatedCores(fitted, setup, use, at));
    const { median } = spreadOf(ratios.filter((ratio) => ratio > 0 && Number.isFinite(ratio)));
    if (!(median > 0)) return costs;
    factor *= median;
  }
  return factor === 1 ? costs : scaled(costs, factor);
}

function scaled(costs: BalancerCosts, factor: number): BalancerCosts {
  return { ...costs, slaveCores: costs.slaveCores * factor, masterCores: costs.masterCores * factor };
}

/** CPU of the threads of all balancers that coordinate, in cores. */
function simulatedCores(costs: BalancerCosts, setup: CalibrationSetup, use: MeasuredUse, at: MeasuredAt): number {
  const run = calibrationRun(costs, setup, use, at);
  const { masterCores = 0, slaveCores = 0 } = simulateTurn(run, 'fleet', use.perSecond, setup.seed + loadSeed(1, use.percent)).use ?? {};
  return masterCores + (use.balancers === 1 ? 0 : (use.balancers - 1) * slaveCores);
}
