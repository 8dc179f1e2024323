// Whose requests are the slowest: of all that are at or above the bucket of the fleet's p99, the share of each host. Pure.

import { bucketAt } from './sparse-latency.js';
import { LATENCY_BUCKETS, totalOf } from './table/latency-buckets.js';

/**
 * Each host's share (0..1) of the slowest 1 % of all requests; 0 without any. The bucket in which the p99 lies counts as a
 * whole, so that hosts that are alike share alike.
 * @param hosts counts by bucket of each host; undefined for none
 */
export function tailShares(hosts: readonly (ArrayLike<number> | undefined)[]): number[] {
  const all = new Float64Array(LATENCY_BUCKETS);
  for (const counts of hosts) {
    if (counts === undefined) continue;
    for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) all[bucket] = (all[bucket] as number) + (counts[bucket] as number);
  }
  const total = totalOf(all);
  if (total === 0) return hosts.map(() => 0);
  const { bucket: first, before } = bucketAt(all, total, 0.99);
  const slow = total - before;
  return hosts.map((counts) => {
    if (counts === undefined) return 0;
    let own = 0;
    for (let bucket = first; bucket < LATENCY_BUCKETS; bucket++) own += counts[bucket] as number;
    return own / slow;
  });
}
