// How turns of `bench fleet` become figures: fairness, latencies over rounds, and what counts as served.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TurnDone } from '../../../lib/lab/arrivals.js';
import { breachOf, jainOf, loadFiguresOf, type Sample, sampleOf } from '../../../lib/lab/proof/samples.js';

const test = suite('samples of bench fleet');

const SLO = { timesFloor: 5, errors: 0.001, backlog: 0.03 };
const NO_TIME = { count: 0, min: 0, p50: 0, p90: 0, p99: 0, max: 0, p999: 0 };

function turnOf(latencyMs: readonly number[], fields: Partial<TurnDone> = {}): TurnDone {
  return {
    type: 'done',
    latencyMs: Float64Array.from(latencyMs),
    kind: new Uint8Array(latencyMs.length),
    unfinished: 0,
    grown: 0,
    sent: latencyMs.length,
    failed: {},
    wrong: [],
    lateMs: 0,
    ...fields,
  };
}

function sampleWith(turn: TurnDone, busy: readonly number[] = [1, 1]): Sample {
  const hosts = { hosts: busy.map((each) => ({ busy: each, answered: 100 })), tookMs: NO_TIME, lateMs: 0 };
  const use = { cpuSeconds: 1, coordinationSeconds: 0.1, messages: 5 };
  return sampleOf(turn, hosts, 2, [use, { cpuSeconds: 1.5, coordinationSeconds: 0.3, messages: 45 }]);
}

const steady = (ms: number, count = 1000): number[] => Array.from({ length: count }, () => ms);

test("Jain's index is 1 for equal shares, and 1/n if one has everything", () => {
  assert.is(jainOf([3, 3, 3, 3]), 1);
  assert.is(jainOf([4, 0, 0, 0]), 0.25);
  assert.is(jainOf([1, 3]), 0.8);
  assert.is(jainOf([0, 0]), 1);
});

test('a turn gives CPU per answered request, and coordination per second', () => {
  const sample = sampleWith(turnOf(steady(10), { failed: { ECONNRESET: 2 }, unfinished: 3 }), [0.2, 0.6]);
  assert.is(sample.cpuMicros, 2500);
  assert.ok(Math.abs((sample.coordinationCores as number) - 0.1) < 1e-9);
  assert.is(sample.messagesPerSecond, 20);
  assert.is(sample.errors, 0.005);
  assert.ok(Math.abs(sample.hostMaxOverMean - 1.5) < 1e-9);
  const floor = sampleOf(turnOf(steady(10)), { hosts: [{ busy: 1, answered: 1 }], tookMs: NO_TIME, lateMs: 0 }, 2, null);
  assert.equal([floor.cpuMicros, floor.coordinationCores, floor.messagesPerSecond], [0, null, null]);
});

test('a load counts as served within the limits of p99, errors and backlog, and not beyond any of them', () => {
  const breach = (turn: TurnDone, floorMs = 10): string => breachOf(sampleWith(turn), SLO, floorMs) ?? 'served';
  assert.is(breach(turnOf(steady(50))), 'served');
  assert.match(breach(turnOf(steady(50.1))), /^p99 5\.0 times/);
  // One slow request of a hundred is not the 99th of them.
  assert.is(breach(turnOf([...steady(20, 990), ...steady(900, 10)])), 'served');
  assert.match(breach(turnOf([...steady(20, 989), ...steady(900, 11)])), /^p99/);
  assert.match(breach(turnOf(steady(20), { failed: { 503: 1 } })), /^0\.1 % errors/);
  assert.is(breach(turnOf(steady(20, 2000), { failed: { 503: 1 } })), 'served');
  assert.match(breach(turnOf(steady(20), { grown: 60 })), /^falls behind/);
  assert.match(breach(turnOf([])), /errors|p99/);
});

test('a number of waiting requests that chance explains is no backlog', () => {
  // 1000 requests of 200 ms in 2 s: 100 wait at a time, and 42 more or less are three standard deviations.
  const grownBy = (grown: number): string => breachOf(sampleWith(turnOf(steady(200), { grown })), SLO, 200) ?? 'served';
  assert.is(grownBy(42 + 30), 'served');
  assert.match(grownBy(43 + 30), /^falls behind/);
});

test('over rounds a latency is that of all requests together, between those of single rounds', () => {
  const rounds = [sampleWith(turnOf([...steady(1, 600), ...steady(5, 400)])), sampleWith(turnOf([...steady(2, 300), ...steady(9, 700)]))];
  const floor = [sampleWith(turnOf(steady(0.5))), sampleWith(turnOf(steady(1)))];
  const figures = loadFiguresOf(50, 700, rounds, floor);
  assert.equal(figures.p50Ms, { median: 5, least: 1, most: 9 });
  assert.equal(figures.p99Ms, { median: 9, least: 5, most: 9 });
  assert.equal(figures.addedP50Ms, { median: 4.25, least: 0.5, most: 8 });
  assert.equal([figures.percent, figures.perSecond, figures.cpuMicros.median], [50, 700, 2500]);
});

test.run();
