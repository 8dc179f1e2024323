// Statistics for the benchmarks. Pure; inputs are not modified.

/** A summary of a distribution; all NaN if nothing was measured. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** The nearest-rank percentile (fraction 0..1) of sorted values: always a measured value. NaN if there are none. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const rank = Math.ceil(fraction * sorted.length);
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1] ?? Number.NaN;
}

/** The distribution of these values, in any order. */
export function distributionOf(values: Iterable<number>): Distribution {
  const sorted = Float64Array.from(values).toSorted();
  const at = (fraction: number): number => percentile(sorted, fraction);
  return { count: sorted.length, min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

/** The median; the mean of the middle two for an even number of values, NaN for none. */
export function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).toSorted();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Rounds to this many decimal places, for the JSON. */
export function rounded(value: number, places: number): number {
  return Number(value.toFixed(places));
}
