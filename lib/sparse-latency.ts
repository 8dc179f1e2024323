// Counts of latencies by bucket without the zeros, as balancers send them: a host's latencies of a second lie in a few dozen
// of the buckets of table/latency-buckets.ts. Adding, merging, and the quantiles that people read. Pure.

import type { Quantiles, SparseCounts } from './fleet-figures.js';
import { LATENCY_BUCKETS, middleMs } from './table/latency-buckets.js';

/** The quantiles of no requests. */
export const NO_QUANTILES: Quantiles = { p50Ms: null, p99Ms: null, p999Ms: null };

/** The sparse form of counts by bucket. */
export function sparseOf(counts: ArrayLike<number>): number[] {
  const sparse: number[] = [];
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket] as number;
    if (count !== 0) sparse.push(bucket, count);
  }
  return sparse;
}

/** Number of latencies. */
export function sparseTotal(sparse: SparseCounts): number {
  let total = 0;
  for (let at = 1; at < sparse.length; at += 2) total += sparse[at] as number;
  return total;
}

/**
 * Adds sparse counts to counts by bucket.
 * @param sign -1 takes away what was added before
 */
export function addSparse(counts: Uint32Array, sparse: SparseCounts, sign: 1 | -1 = 1): void {
  for (let at = 0; at < sparse.length; at += 2) {
    const bucket = sparse[at] as number;
    counts[bucket] = (counts[bucket] as number) + sign * (sparse[at + 1] as number);
  }
}

/** The sum of two sparse counts; buckets stay ascending. */
export function mergeSparse(one: SparseCounts, other: SparseCounts): SparseCounts {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const merged: number[] = [];
  let [a, b] = [0, 0];
  while (a < one.length || b < other.length) {
    const bucketA = one[a] ?? LATENCY_BUCKETS;
    const bucketB = other[b] ?? LATENCY_BUCKETS;
    const bucket = Math.min(bucketA, bucketB);
    let count = 0;
    if (bucketA === bucket) {
      count += one[a + 1] as number;
      a += 2;
    }
    if (bucketB === bucket) {
      count += other[b + 1] as number;
      b += 2;
    }
    merged.push(bucket, count);
  }
  return merged;
}

/**
 * The quantiles of counts by bucket, in one pass.
 * @param total their sum
 */
export function quantilesOf(counts: ArrayLike<number>, total: number): Quantiles {
  if (!(total > 0)) return NO_QUANTILES;
  const p50 = bucketAt(counts, total, 0.5, 0, 0);
  const p99 = bucketAt(counts, total, 0.99, p50.bucket, p50.before);
  const p999 = bucketAt(counts, total, 0.999, p99.bucket, p99.before);
  return { p50Ms: middleMs(p50.bucket), p99Ms: middleMs(p99.bucket), p999Ms: middleMs(p999.bucket) };
}

/**
 * The bucket in which the latency lies that a fraction of all does not exceed.
 * @param from the search begins at this bucket, and `before` latencies lie below it
 */
export function bucketAt(
  counts: ArrayLike<number>,
  total: number,
  fraction: number,
  from = 0,
  before = 0,
): { readonly bucket: number; readonly before: number } {
  const rank = Math.max(1, Math.ceil(fraction * total));
  let below = before;
  for (let bucket = from; bucket < counts.length; bucket++) {
    const upTo = below + (counts[bucket] as number);
    if (upTo >= rank) return { bucket, before: below };
    below = upTo;
  }
  return { bucket: LATENCY_BUCKETS - 1, before: below };
}
