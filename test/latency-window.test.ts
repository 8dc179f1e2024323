// Windows of latencies and counts: exact against a model that keeps every latency, whatever arrives when.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LatencyWindow } from '../lib/latency-window.js';
import { Random } from '../lib/routing/random.js';
import { mergeSparse, sparseOf, sparseTotal } from '../lib/sparse-latency.js';
import { bucketOf, LATENCY_BUCKETS, quantileMs } from '../lib/table/latency-buckets.js';
import { COARSE_STEPS, FINE_STEPS, type Said, TrafficSeries } from '../lib/traffic-series.js';

const test = suite('latency window');

/** Sparse counts of some latencies, most of them near one another. */
function randomCounts(random: Random, many: number): number[] {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  for (let i = random.below(many + 1); i > 0; i--) {
    const bucket = bucketOf(0.05 * 10 ** (random.below(7000) / 1000));
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  return sparseOf(counts);
}

/** Adds sparse counts to a model. */
function addTo(model: Uint32Array, counts: readonly number[]): void {
  for (const [at, bucket] of counts.entries()) if (at % 2 === 0) model[bucket] = (model[bucket] as number) + (counts[at + 1] as number);
}

/** Quantiles of counts, from the table's own function. */
function quantilesOfModel(counts: Uint32Array): unknown {
  const at = (fraction: number): number | null => {
    const ms = quantileMs(counts, fraction);
    return Number.isNaN(ms) ? null : ms;
  };
  return { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) };
}

const SHAPES: readonly (readonly [steps: number, stepSeconds: number])[] = [
  FINE_STEPS.minute,
  FINE_STEPS.quarterHour,
  COARSE_STEPS.minute,
  COARSE_STEPS.quarterHour,
  [1, 1],
  [3, 7],
];

for (const [steps, stepSeconds] of SHAPES) {
  test(`a window of ${steps} × ${stepSeconds} s holds what arrived in its steps, and nothing else`, () => {
    const random = new Random(steps * 1000 + stepSeconds);
    const window = new LatencyWindow(steps, stepSeconds);
    const arrived: { second: number; counts: number[] }[] = [];
    let second = random.below(100_000);
    for (let round = 0; round < 1500; round++) {
      // Mostly the same or the next second, now and then a gap that may be longer than the window.
      second += random.below(40) === 0 ? random.below(2 * steps * stepSeconds) : random.below(2);
      const counts = randomCounts(random, 8);
      window.add(second, counts);
      arrived.push({ second, counts });
      const oldest = (Math.floor(second / stepSeconds) - steps + 1) * stepSeconds;
      const model = new Uint32Array(LATENCY_BUCKETS);
      for (const each of arrived) if (each.second >= oldest) addTo(model, each.counts);
      assert.equal(sparseOf(window.counts ?? []), sparseOf(model), `round ${round}, second ${second}`);
      assert.is(window.total, sparseTotal(sparseOf(model)));
      assert.equal(window.quantiles(), quantilesOfModel(model));
    }
  });
}

test('a window that nothing was added to has no quantiles, also after time has passed', () => {
  const window = new LatencyWindow(60, 1);
  window.advance(5);
  window.advance(1_000_000);
  assert.equal(window.quantiles(), { p50Ms: null, p99Ms: null, p999Ms: null });
});

test('merging sparse counts is the same as adding the latencies', () => {
  const random = new Random(4);
  for (let round = 0; round < 500; round++) {
    const [one, other] = [randomCounts(random, 30), randomCounts(random, 30)];
    const model = new Uint32Array(LATENCY_BUCKETS);
    addTo(model, one);
    addTo(model, other);
    assert.equal(mergeSparse(one, other), sparseOf(model));
  }
});

test('the last second of a series is what each balancer said last, and comes back to nothing when all are forgotten', () => {
  const random = new Random(9);
  const series = new TrafficSeries('', FINE_STEPS);
  const lasts = new Map<number, Said>();
  for (let second = 1; second < 400; second++) {
    const balancer = random.below(8);
    const said = {
      rps: random.below(1000) / 7,
      errorRps: random.below(100) / 7,
      inflight: random.below(9),
      latency: randomCounts(random, 20),
    };
    series.take(said, 0, second);
    const before = lasts.get(balancer);
    if (before !== undefined) series.withdraw(before);
    lasts.set(balancer, said);
    const model = new Uint32Array(LATENCY_BUCKETS);
    let [rps, inflight] = [0, 0];
    for (const each of lasts.values()) {
      rps += each.rps;
      inflight += each.inflight;
      addTo(model, each.latency);
    }
    assert.ok(Math.abs(series.rps - rps) < 1e-6);
    assert.is(series.inflight, inflight);
    assert.equal(series.windows().second, quantilesOfModel(model));
  }
  for (const said of lasts.values()) series.withdraw(said);
  assert.equal([series.rps, series.errorRps, series.inflight], [0, 0, 0]);
  assert.is(series.windows().second.p50Ms, null);
  assert.not(series.isOver);
  series.advance(400 + 900);
  assert.ok(series.isOver);
});

test('errors of the last minute are counted for a minute', () => {
  const series = new TrafficSeries('', FINE_STEPS);
  const said = { rps: 1, errorRps: 1, inflight: 0, latency: [] };
  for (let second = 100; second < 130; second++) {
    series.take(said, 2, second);
    series.withdraw(said);
  }
  assert.is(series.minuteErrorRps, 1);
  series.advance(160 + 14);
  assert.is(series.minuteErrorRps, 0.5);
  series.advance(190);
  assert.is(series.minuteErrorRps, 0);
});

test.run();
