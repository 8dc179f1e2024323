// Which hosts are slow: compared with the other hosts of their pool, and only where clients feel it. Pure.

import type { OverviewHost, OverviewPool } from '../../overview.js';
import { MIN_EVENTS } from './thresholds.js';

/**
 * A host is slow from this factor on, over the median of the others. Buckets of latencies are 5 % wide and the medians of
 * a minute scatter by a few per cent, so neither chance nor rounding gets there; a host of half the speed does.
 */
const SLOW_FACTOR = 2;

/** The part of requests that p99 is about. */
const SLOWEST = 0.01;

/** The mean rate of a host in the last minute; that of the last second while there is no history. */
function rpsOf({ rps, rpsHistory }: OverviewHost): number {
  if (rpsHistory.length === 0) return rps ?? 0;
  return rpsHistory.reduce((sum, each) => sum + each, 0) / rpsHistory.length;
}

/**
 * The hosts that are slow: their median latency of the last minute is over twice that of the pool's other hosts, and they
 * answered over twice their share of the fleet's slowest 1 %. The first alone may be a small host that gets few requests; the
 * second alone may be a pool whose requests are long. Empty while the fleet has too few requests to say.
 */
export function slowHosts(pools: readonly OverviewPool[]): OverviewHost[] {
  const allRps = pools.flatMap(({ hosts }) => hosts).reduce((sum, host) => sum + rpsOf(host), 0);
  if (allRps * 60 * SLOWEST < MIN_EVENTS) return [];
  return pools.flatMap(({ hosts }) => {
    const medians = hosts.flatMap(({ minute }) => minute.p50Ms ?? []).toSorted((a, b) => a - b);
    return hosts.filter((host) => {
      const own = host.minute.p50Ms;
      if (own === null || medians.length === 1) return false;
      return own > SLOW_FACTOR * medianWithout(medians, own) && host.p99Share > (SLOW_FACTOR * rpsOf(host)) / allRps;
    });
  });
}

/** The median of sorted values without one of them; the lower one of two in the middle. */
function medianWithout(sorted: readonly number[], one: number): number {
  const middle = Math.floor((sorted.length - 2) / 2);
  return sorted[one <= (sorted[middle] as number) ? middle + 1 : middle] as number;
}
