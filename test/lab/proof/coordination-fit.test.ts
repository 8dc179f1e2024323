// The fit of coordination: to loads of made-up fleets whose coordination costs are known.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { calibrationRun } from '../../../lib/lab/proof/calibration-run.js';
import { withCoordination } from '../../../lib/lab/proof/coordination-fit.js';
import type { MeasuredUse } from '../../../lib/lab/proof/cost-fit.js';
import type { BalancerCosts } from '../../../lib/lab/proof/figures.js';
import { loadSeed } from '../../../lib/lab/proof/search.js';
import { simulateTurn } from '../../../lib/lab/proof/simulated-turns.js';

const test = suite('fit of coordination');

const COSTS: BalancerCosts = {
  requestMicros: 80,
  wakeMicros: 0,
  coolMs: 0,
  slaveCores: 0.008,
  masterCores: 0.016,
  masterMessageMicros: 25,
  redisMessageMicros: 30,
};
const SETUP = { hosts: 8, slow: 0.25, seed: 3, settleMs: 250, seconds: 1, graceMs: 300, periodMs: 20 };
const AT = { hosts: 8, balancers: 4 };

/** Loads of fleets with these costs. */
function usesOf(costs: BalancerCosts): MeasuredUse[] {
  return ([1, 2, 4] as const).map((balancers) => {
    const side = { balancers, cores: 0.4 / balancers };
    const { use } = simulateTurn(calibrationRun(costs, SETUP, side, AT), 'fleet', 500, SETUP.seed + loadSeed(1, 50));
    const coordination = (use?.masterCores ?? 0) + (balancers === 1 ? 0 : (balancers - 1) * (use?.slaveCores ?? 0));
    return Object.assign(side, { coordinationCores: coordination / balancers, percent: 50, perSecond: 500, micros: 100 });
  });
}

test('coordination that costs more under load than at rest is found', () => {
  for (const factor of [1, 1.5]) {
    const uses = usesOf({ ...COSTS, slaveCores: factor * COSTS.slaveCores, masterCores: factor * COSTS.masterCores });
    const fitted = withCoordination(COSTS, SETUP, uses, AT);
    assert.ok(Math.abs(fitted.slaveCores / COSTS.slaveCores - factor) < 0.1, `${fitted.slaveCores}, ${factor}`);
    assert.ok(Math.abs(fitted.masterCores / fitted.slaveCores - 2) < 1e-9, `${fitted.masterCores}`);
  }
});

test('without loads the costs stay as they were measured', () => {
  assert.is(withCoordination(COSTS, SETUP, [], AT), COSTS);
});

test.run();
