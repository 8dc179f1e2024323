// Buckets of latencies: every value is within 5 % of the middle of its bucket, and round bounds are bounds of buckets.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bucketOf, LATENCY_BUCKETS, lowerBoundMs, middleMs, quantileMs, totalOf } from '../../lib/table/latency-buckets.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('latency buckets');

test('every latency from 0.1 ms to 100 s is in a bucket whose middle is within 5 %', () => {
  const random = new Random(1);
  for (let i = 0; i < 100_000; i++) {
    const ms = 0.1 * 10 ** (6 * (random.below(2 ** 32) / 2 ** 32)) * 0.999_999;
    const bucket = bucketOf(ms);
    assert.ok(lowerBoundMs(bucket) <= ms * (1 + 1e-9) && ms < lowerBoundMs(bucket + 1), `${ms} is not in bucket ${bucket}`);
    assert.ok(Math.abs(middleMs(bucket) / ms - 1) <= 0.05 + 1e-9, `${middleMs(bucket)} is taken for ${ms}`);
  }
});

test('each lower bound belongs to its own bucket', () => {
  for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) assert.is(bucketOf(lowerBoundMs(bucket)), bucket);
});

test('the bounds of histograms in Prometheus are bounds of buckets', () => {
  for (const ms of [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000])
    assert.is(lowerBoundMs(bucketOf(ms)), ms);
});

test('what is out of range has a bucket too', () => {
  for (const ms of [-1, Number.NaN, 0, 0.05, 0.0999]) assert.is(bucketOf(ms), 0);
  for (const ms of [100_000, 1e9, Number.POSITIVE_INFINITY]) assert.is(bucketOf(ms), LATENCY_BUCKETS - 1);
  assert.is(middleMs(LATENCY_BUCKETS - 1), 100_000);
  assert.is(lowerBoundMs(LATENCY_BUCKETS), Number.POSITIVE_INFINITY);
});

test('a quantile is within 5 % of the exact one', () => {
  const random = new Random(2);
  const all = Array.from({ length: 10_000 }, () => 0.2 + 50 * -Math.log(1 - random.below(2 ** 32) / 2 ** 32));
  const counts = new Float64Array(LATENCY_BUCKETS);
  for (const ms of all) counts[bucketOf(ms)] = (counts[bucketOf(ms)] as number) + 1;
  all.sort((a, b) => a - b);
  assert.is(totalOf(counts), 10_000);
  for (const fraction of [0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = all[Math.ceil(fraction * 10_000) - 1] as number;
    assert.ok(Math.abs(quantileMs(counts, fraction) / exact - 1) <= 0.05, `${fraction}: ${quantileMs(counts, fraction)} for ${exact}`);
  }
});

test('without latencies there is no quantile', () => {
  assert.ok(Number.isNaN(quantileMs(new Float64Array(LATENCY_BUCKETS), 0.5)));
});

test.run();
