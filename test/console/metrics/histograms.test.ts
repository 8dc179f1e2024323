// Histograms out of buckets of latencies: what counts below which bound, and that a host's never fall.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BOUNDS_MS } from '../../../lib/console/metrics/exposition.js';
import { HostHistograms, type LatencyColumns, poolHistogram } from '../../../lib/console/metrics/histograms.js';
import { bucketOf, LATENCY_BUCKETS } from '../../../lib/table/latency-buckets.js';

const test = suite('metrics: histograms');

const WRAP = 2 ** 32;

test('a latency counts for every bound above it, and what equals a bound does not count for it', () => {
  for (const ms of [0, 0.3, 0.99, 1, 2.4, 2.5, 7, 999, 1000, 59_999, 60_000, 1e9]) {
    const poolLatency = new Float64Array(3 * LATENCY_BUCKETS);
    poolLatency[LATENCY_BUCKETS + bucketOf(ms)] = 3;
    assert.equal(poolHistogram({ poolLatency }, 1), [...BOUNDS_MS.map((bound) => (ms < bound ? 3 : 0)), 3], `${ms} ms`);
    assert.equal(
      poolHistogram({ poolLatency }, 0),
      Array.from({ length: 16 }, () => 0),
    );
  }
});

/** One host in slot 1; each call adds as many requests of a latency. */
function stage(): { columns: LatencyColumns; add(count: number, ms: number): void; clear(): void } {
  const columns = { attempts: new Float64Array(2), hostLatency: new Uint32Array(2 * LATENCY_BUCKETS) };
  return {
    columns,
    add(count, ms) {
      const cell = LATENCY_BUCKETS + bucketOf(ms);
      columns.hostLatency[cell] = ((columns.hostLatency[cell] as number) + count) % WRAP;
      columns.attempts[1] = (columns.attempts[1] as number) + count;
    },
    clear() {
      columns.hostLatency.fill(0);
      columns.attempts.fill(0);
    },
  };
}

test('what is read of a host does not fall when its cells wrap', () => {
  const { columns, add } = stage();
  const histograms = new HostHistograms();
  let all = 0;
  // 2^30 at a time, half of them of one latency and the rest of two that lie between the same bounds.
  for (let i = 0; i < 40; i++) {
    add(2 ** 29, 3);
    add(2 ** 28, 11);
    add(2 ** 28, 12);
    all += 2 ** 30;
    const counts = histograms.read(columns, 1);
    assert.is(counts.at(-1), all, `after ${i + 1} times 2^30`);
    assert.is(counts[BOUNDS_MS.indexOf(5)], all / 2);
    assert.is(counts[BOUNDS_MS.indexOf(25)], all);
  }
});

test('a new host in the slot begins at 0', () => {
  const { columns, add, clear } = stage();
  const histograms = new HostHistograms();
  for (let i = 0; i < 6; i++) {
    add(2 ** 30, 3);
    histograms.read(columns, 1);
  }
  clear();
  add(5, 3);
  assert.is(histograms.read(columns, 1).at(-1), 5);
  assert.is(histograms.read(columns, 0).at(-1), 0);
  // Not looked at for as long as it takes to wrap: what went before in the slot does not come back.
  add(WRAP, 3);
  assert.is(histograms.read(columns, 1).at(-1), 5);
});

test.run();
