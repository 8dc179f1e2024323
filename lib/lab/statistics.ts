// The few statistics that the benchmarks print. Pure; the values handed in stay as they are.

/** A distribution in the figures that people ask for; all NaN when nothing was measured. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** The value at this fraction (0..1) of the sorted values, by nearest rank: always one that was measured. NaN when there are none. */
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

/** The median; of an even number of values the mean of the middle two, NaN of none. */
export function median(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).toSorted();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A number rounded to so many places, as it stands in the JSON. */
export function rounded(value: number, places: number): number {
  return Number(value.toFixed(places));
}
