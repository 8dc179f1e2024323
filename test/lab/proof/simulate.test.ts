// What the simulation adds to `bench fleet`: measured costs as those of simulated balancers, the calibration against real
// figures, and the scaling of fleets.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerCosts } from '../../../lib/lab/proof/figures.js';
import { simulateCalibration, simulateScaling, tickMsOf } from '../../../lib/lab/proof/simulate.js';
import { balancerCostOf, redisCostOf, TYPICAL_COORDINATION, TYPICAL_REDIS } from '../../../lib/lab/proof/simulated-costs.js';

const test = suite('simulation of bench fleet');

const COSTS: BalancerCosts = {
  requestMicros: 120,
  wakeMicros: 0,
  coolMs: 0,
  slaveCores: 0.012,
  masterCores: 0.03,
  masterMessageMicros: 0.6,
  redisMessageMicros: 42,
};

const SETUP = { hosts: 8, slow: 0.25, seed: 3, settleMs: 300, seconds: 0.6, graceMs: 500, periodMs: 20 };

test('measured coordination scales the typical one, apart for slaves, the master and Redis; what was not measured is typical', () => {
  const once = balancerCostOf(COSTS, 0.4);
  const more = balancerCostOf({ ...COSTS, slaveCores: 0.024, masterCores: 0.06 }, 0.4);
  for (const name of [
    'idleCores',
    'tableMicros',
    'loadMicros',
    'wakeMicros',
    'masterTableMicros',
    'masterLoadMicros',
    'reportMicros',
  ] as const)
    assert.ok(Math.abs(more[name] / once[name] - 2) < 1e-9, name);
  assert.is(once.requestMicros, 120);
  assert.is(once.cores, 0.4);
  const unknown = balancerCostOf({ ...COSTS, slaveCores: Number.NaN, masterCores: 0 }, 1);
  assert.is(unknown.tableMicros, TYPICAL_COORDINATION.tableMicros);
  assert.is(unknown.masterTableMicros, TYPICAL_COORDINATION.masterTableMicros);
  assert.equal(redisCostOf({ ...COSTS, redisMessageMicros: 0 }), TYPICAL_REDIS);
  assert.ok(redisCostOf({ ...COSTS, redisMessageMicros: 84 }).wakeMicros > redisCostOf(COSTS).wakeMicros * 1.99);
});

test('a calibration has the highest load and each percentile of each load, with real and simulated side by side', () => {
  const loads = [{ percent: 50, perSecond: 900, p50Ms: 2, p99Ms: 60 }];
  const measured = [1, 2, 4].map((balancers) => ({ balancers, cores: 0.4 / balancers, highestPerSecond: 3000, loads }));
  const figures = simulateCalibration(COSTS, SETUP, measured);
  assert.is(figures.length, 9);
  const highest = figures.filter(({ what }) => what.startsWith('highest load')).map(({ simulated }) => simulated);
  assert.equal(
    figures.map(({ real }) => real),
    [3000, 2, 60, 3000, 2, 60, 3000, 2, 60],
  );
  // 0.4 cores serve 3,333 requests a second of 120 µs, less what coordination needs, which each balancer needs for itself.
  // It is the mean of several rungs of the ladder, whose steps are 16 %.
  const [one, two, four] = highest as [number, number, number];
  assert.ok(one > 2300 && one < 3333, `${one}`);
  assert.ok(two < one && four < two && four > 0.3 * one, `${one}, ${two}, ${four}`);
  // The hosts are four times as fast as 5, 20 and 200 ms.
  for (const { what, simulated } of figures)
    if (what.startsWith('p50')) assert.ok(simulated > 1.2 && simulated < 3, `${what}: ${simulated}`);
  assert.equal(simulateCalibration(COSTS, SETUP, measured), figures);
});

test('the tick of the clocks follows from the difference between the real and the simulated median of the floor', () => {
  // The hosts are idle: 1.25 ms, and a wait for each clock.
  const floor = [100, 200, 300].map((perSecond) => ({ percent: 50, perSecond, p50Ms: 3.25, p99Ms: 60 }));
  assert.ok(Math.abs(tickMsOf(SETUP, floor) - 2) < 0.2, `${tickMsOf(SETUP, floor)}`);
  assert.is(tickMsOf(SETUP, []), 0);
  assert.is(tickMsOf(SETUP, [{ percent: 50, perSecond: 100, p50Ms: 1, p99Ms: 60 }]), 0);
});

test('scaling has a point for each fleet, and says what ends it', () => {
  const shares: number[] = [];
  const { scaling, limits } = simulateScaling(COSTS, { balancers: [1, 2], hosts: [8], onProgress: (share) => shares.push(share) });
  // Whole and shared CPU, and three ways of clients for two balancers.
  assert.equal(
    scaling.map(({ balancers, cpu, clients }) => `${balancers} ${cpu} ${clients}`),
    ['1 whole even', '2 whole even', '1 total even', '2 total even', '2 whole dns', '2 whole anycast', '2 whole front'],
  );
  for (const point of scaling) {
    assert.is(Object.keys(point).length, 10);
    for (const value of Object.values(point)) assert.ok(typeof value === 'string' || Number.isFinite(value), JSON.stringify(point));
  }
  assert.equal([shares[0], shares.length], [0, 7]);
  assert.is(limits.length, 6);
  for (const limit of limits) assert.not.match(limit, /NaN|undefined|Infinity/);
});

test.run();
