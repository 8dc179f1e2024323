// The fit of what a request and cold caches cost: to made-up loads whose costs are known.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { coldsPerRequest, fitRequest, isOverloaded, type MeasuredUse, measuredUsesOf, withFit } from '../../../lib/lab/proof/cost-fit.js';
import type { ContestantFigures, LoadFigures, Spread } from '../../../lib/lab/proof/figures.js';

const test = suite('fit of costs');

const SETUP = { slow: 0.25, seed: 3, periodMs: 20, tickMs: 2 };

/** Loads of balancers with these costs; `noise` makes them deviate. */
function made(requestMicros: number, wakeMicros: number, coolMs: number, noise: readonly number[] = [0]): MeasuredUse[] {
  const loads = [
    [1, 0.4, 1500],
    [1, 0.4, 2700],
    [2, 0.1, 300],
    [4, 0.1, 270],
    [4, 0.1, 500],
    [8, 0.1, 400],
  ] as const;
  return loads.map(([balancers, cores, perSecond], index) => {
    const use = { balancers, cores, coordinationCores: 0.02, percent: 50, perSecond };
    const micros = requestMicros + wakeMicros * coldsPerRequest({ ...use, micros: 0 }, { requestMicros, wakeMicros, coolMs }, SETUP);
    return Object.assign(use, { micros: micros * (1 + (noise[index % noise.length] as number)) });
  });
}

test('the costs behind made-up loads are found again, also if each load is off by a few percent', () => {
  for (const [request, wake, cool] of [
    [40, 150, 1],
    [80, 250, 6],
  ] as const) {
    const exact = fitRequest(made(request, wake, cool), SETUP);
    assert.is(exact?.coolMs, cool);
    assert.ok(Math.abs((exact?.requestMicros ?? 0) / request - 1) < 0.03, `${exact?.requestMicros} of ${request}`);
    assert.ok(Math.abs((exact?.wakeMicros ?? 0) / wake - 1) < 0.03, `${exact?.wakeMicros} of ${wake}`);
    assert.ok((exact?.residual ?? 1) < 0.01);
    const noisy = fitRequest(made(request, wake, cool, [0.04, -0.04, 0.03]), SETUP);
    assert.ok(Math.abs((noisy?.requestMicros ?? 0) / request - 1) < 0.25, `${noisy?.requestMicros} of ${request}`);
    assert.ok((noisy?.residual ?? 0) > 0.01 && (noisy?.residual ?? 1) < 0.06);
  }
});

test('where a request costs the same at every load, cold caches cost nothing', () => {
  const fit = fitRequest(made(100, 0, 1), SETUP);
  assert.ok(Math.abs((fit?.requestMicros ?? 0) - 100) < 1 && (fit?.wakeMicros ?? 1) < 1, JSON.stringify(fit));
});

test('the fewer requests come to a balancer, the colder its caches are, for each request twice at most', () => {
  const colds = [30, 300, 3000].map((perSecond) =>
    coldsPerRequest(
      { balancers: 1, cores: 1, coordinationCores: 0, percent: 50, perSecond, micros: 0 },
      { requestMicros: 50, wakeMicros: 50, coolMs: 0.1 },
      SETUP,
    ),
  ) as [number, number, number];
  assert.ok(colds[0] > 1.8 && colds[0] <= 2 && colds[0] > colds[1] && colds[1] > colds[2] && colds[2] < 0.6, `${colds}`);
});

const exactly = (value: number): Spread => ({ median: value, least: value, most: value });

function loadWith(perSecond: number, errors = 0): LoadFigures {
  const none = exactly(0);
  const rest = { p50Ms: none, p99Ms: none, p999Ms: none, hostMaxOverMean: none, jain: none, addedP50Ms: none };
  const coordination = { coordinationCores: exactly(0.05), messagesPerSecond: exactly(100) };
  return { percent: 50, perSecond, errors: exactly(errors), cpuMicros: exactly(300), ...rest, ...coordination };
}

test('what coordination needs is no cost of requests, and overloads do not count', () => {
  const four: ContestantFigures = {
    name: 'meercat, fleet of 4',
    program: 'meercat',
    balancers: 4,
    comparisons: ['total'],
    cpuEach: 0.1,
    highestPerSecond: exactly(900),
    loads: [loadWith(500), loadWith(1000), loadWith(600, 0.001)],
    memoryMiB: 1,
  };
  assert.equal(
    four.loads.map((load) => isOverloaded(four, load)),
    [false, true, true],
  );
  // A hundred messages of 100 µs are 0.01 cores of Redis; the other 0.04 are of four balancers, and 80 µs for each request.
  const [use, ...others] = measuredUsesOf([four, { ...four, program: 'haproxy' }], 100);
  assert.equal(others, []);
  assert.ok(Math.abs((use?.coordinationCores ?? 0) - 0.01) < 1e-9 && Math.abs((use?.micros ?? 0) - 220) < 1e-6, JSON.stringify(use));
});

test('a single load cannot tell requests from cold caches: the costs stay as measured', () => {
  const costs = {
    requestMicros: 200,
    wakeMicros: 0,
    coolMs: 0,
    slaveCores: 0.01,
    masterCores: 0.02,
    masterMessageMicros: 1,
    redisMessageMicros: 40,
  };
  assert.is(fitRequest(made(40, 150, 1).slice(0, 1), SETUP), null);
  assert.is(withFit(costs, null), costs);
  assert.equal(withFit(costs, { requestMicros: 40, wakeMicros: 150, coolMs: 4, residual: 0 }), {
    ...costs,
    requestMicros: 40,
    wakeMicros: 150,
    coolMs: 4,
  });
});

test.run();
