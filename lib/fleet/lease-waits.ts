// The delays of the lease: before a try, before the lease is checked again, and before a retry after a failure.

import { SECOND } from '../clock.js';
import type { LeaseTimes } from './lease-model.js';

/** Heartbeat interval. */
export const HEARTBEAT_MS = SECOND;

/** The succession delay stops growing after this many steps; all later balancers try together. */
const MAX_STEPS = 8;

/** Added to the lease's remaining time, since Redis counts whole milliseconds. */
const MARGIN_MS = 5;

/** Upper bound of the backoff, unless the lease is longer: once the cause is gone, the fleet has a master within this time. */
const MAX_BACKOFF_MS = 5000;

/** Derives the lease's durations from its TTL. */
export function leaseTimes(ttlMs: number): LeaseTimes {
  return {
    ttlMs,
    renewEveryMs: Math.round(ttlMs / 3),
    safetyMs: Math.round(ttlMs / 10),
    successionStepMs: 50,
    retryMs: 150,
    // Check, acquire and take a term: three round trips, which must leave half of the lease.
    slowMs: Math.round(ttlMs / 6),
    // Balancers that know a term write it with their heartbeat, even to a Redis that has just come back.
    foundAfterMs: HEARTBEAT_MS,
  };
}

/** The durations, plus a random number in [0, 1) that spreads the balancers' attempts. */
export type WaitTimes = LeaseTimes & { readonly random: number };

/** The delay of this place in the succession, in ms after the first. */
export function successionMs(rank: number, times: LeaseTimes): number {
  return Math.min(rank, MAX_STEPS) * times.successionStepMs;
}

/**
 * How long to wait before checking a lease held by another balancer. A lease that was just renewed is checked at a
 * random moment before it expires, since it may be released without an announcement; one near its end is checked in the
 * order of succession.
 * @param leftMs remaining time of the lease; null when unknown
 */
export function lookAgainMs(leftMs: number | null, rank: number, times: WaitTimes): number {
  if (leftMs === null) return times.retryMs + successionMs(rank, times);
  const half = times.ttlMs / 2;
  if (leftMs > half) return half * (0.5 + times.random / 2);
  return Math.max(leftMs, 0) + MARGIN_MS + successionMs(rank, times);
}

/**
 * Exponential backoff with jitter after consecutive failures, starting above the lease's TTL: a balancer that takes the
 * lease but can't use it keeps it from the others.
 */
export function backoffMs(failures: number, times: WaitTimes): number {
  const longestMs = Math.max(MAX_BACKOFF_MS, times.ttlMs * 1.5);
  return Math.min(times.ttlMs * 2 ** (failures - 1) * (1 + times.random / 2), longestMs);
}
