// Log-linear buckets for latencies, as in the OpenHistogram of Circonus (Hartmann and Schlossnagle, "Circllhist",
// arXiv:2001.06561): 90 equal buckets for each decade, whose bounds are the two-digit decimals 1.0, 1.1, …, 9.9. The middle
// of a bucket is within 5 % of every value in it, and round bounds such as 2.5 ms are bounds of buckets. PURE.

/** The decades: 0.1 ms to 100 s. */
const DECADES = 6;
const PER_DECADE = 90;

/** Number of buckets: one for what is shorter than the first bound, the decades, and one for what is longer than the last. */
export const LATENCY_BUCKETS = 1 + DECADES * PER_DECADE + 1;

/** Ten buckets would span 0 to the lower bound of a decade: what the index of a decade's first bucket lacks. */
const OFFSET = 10;

/** The bucket of a latency in ms. A negative one or NaN counts as 0. */
export function bucketOf(ms: number): number {
  // The width of a bucket in the first decade is 0.01 ms: whole units of it, so that bounds compare exactly. The small
  // addend makes up for fractions that binary numbers lack (0.3 * 100).
  const units = ms * 100 + 1e-9;
  if (!(units >= 10)) return 0;
  if (units < 100) return 1 - OFFSET + Math.floor(units);
  if (units < 1000) return 1 - OFFSET + PER_DECADE + Math.floor(units / 10);
  if (units < 10_000) return 1 - OFFSET + 2 * PER_DECADE + Math.floor(units / 100);
  if (units < 100_000) return 1 - OFFSET + 3 * PER_DECADE + Math.floor(units / 1000);
  if (units < 1_000_000) return 1 - OFFSET + 4 * PER_DECADE + Math.floor(units / 10_000);
  if (units < 10_000_000) return 1 - OFFSET + 5 * PER_DECADE + Math.floor(units / 100_000);
  return LATENCY_BUCKETS - 1;
}

/** The lower bound of a bucket, in ms; it belongs to the bucket. That of `LATENCY_BUCKETS` is Infinity. */
export function lowerBoundMs(bucket: number): number {
  if (bucket <= 0) return 0;
  if (bucket >= LATENCY_BUCKETS) return Number.POSITIVE_INFINITY;
  const decade = Math.floor((bucket - 1) / PER_DECADE);
  const digits = OFFSET + ((bucket - 1) % PER_DECADE);
  // Division by a power of ten gives the double nearest to the decimal.
  return decade < 2 ? digits / 10 ** (2 - decade) : digits * 10 ** (decade - 2);
}

/** What a latency in this bucket is taken for, in ms: the middle; of the last one, its lower bound. */
export function middleMs(bucket: number): number {
  if (bucket >= LATENCY_BUCKETS - 1) return lowerBoundMs(LATENCY_BUCKETS - 1);
  return (lowerBoundMs(bucket) + lowerBoundMs(bucket + 1)) / 2;
}

/** Number of latencies in all buckets. */
export function totalOf(counts: ArrayLike<number>): number {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket] as number;
  return total;
}

/**
 * The latency (ms) that a fraction of all latencies does not exceed, within 5 %; NaN without any.
 * @param counts by bucket
 * @param fraction 0..1, such as 0.99
 */
export function quantileMs(counts: ArrayLike<number>, fraction: number): number {
  const total = totalOf(counts);
  if (!(total > 0)) return Number.NaN;
  const rank = Math.max(1, Math.ceil(fraction * total));
  let seen = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    seen += counts[bucket] as number;
    if (seen >= rank) return middleMs(bucket);
  }
  return middleMs(LATENCY_BUCKETS - 1);
}
