// How long a balancer waits before it tries for the lease, looks at it again, or tries once more after a failure.

import { SECOND } from '../clock.js';
import type { LeaseTimes } from './lease-model.js';

/** How often a balancer says that it lives. */
export const HEARTBEAT_MS = SECOND;

/** A longer succession does not wait longer than this many steps: the rest try together. */
const MAX_STEPS = 8;

/** Added to the time the lease is said to have left: Redis counts whole milliseconds. */
const MARGIN_MS = 5;

/** The longest that a balancer backs off whose attempts fail, unless the lease is longer: a fleet that is mended has a master by then. */
const MAX_BACKOFF_MS = 5000;

/** The lease's durations that follow from its TTL. */
export function leaseTimes(ttlMs: number): LeaseTimes {
  return {
    ttlMs,
    renewEveryMs: Math.round(ttlMs / 3),
    safetyMs: Math.round(ttlMs / 10),
    successionStepMs: 50,
    retryMs: 150,
    // Looking, taking the lease and taking a term are three round trips: they are to leave half of the lease.
    slowMs: Math.round(ttlMs / 6),
    // Whoever knows a term says so with its heartbeat, also to a Redis that has just come back.
    foundAfterMs: HEARTBEAT_MS,
  };
}

/** The durations, and a number in [0, 1) that spreads the moments at which balancers act. */
export type World = LeaseTimes & { readonly random: number };

/** How much later than the first in the succession this balancer tries. */
export function successionMs(rank: number, times: LeaseTimes): number {
  return Math.min(rank, MAX_STEPS) * times.successionStepMs;
}

/**
 * How long to leave another's lease alone. While it has long to go, it is looked at sooner and at random: it may be given
 * back early without a word. Towards its end each waits for its turn.
 * @param leftMs what the lease has left; null when that is not known
 */
export function lookAgainMs(leftMs: number | null, rank: number, times: World): number {
  if (leftMs === null) return times.retryMs + successionMs(rank, times);
  const half = times.ttlMs / 2;
  if (leftMs > half) return half * (0.5 + times.random / 2);
  return Math.max(leftMs, 0) + MARGIN_MS + successionMs(rank, times);
}

/**
 * How long to back off after failures in a row: longer than the lease lasts, at random, and twice as long after each
 * one. Whoever takes the lease and can't use it keeps it from the others.
 */
export function backoffMs(failures: number, times: World): number {
  const longestMs = Math.max(MAX_BACKOFF_MS, times.ttlMs * 1.5);
  return Math.min(times.ttlMs * 2 ** (failures - 1) * (1 + times.random / 2), longestMs);
}
