// One balancer's side of the exchange about rate limits: which of its keys it reports, and the fractions it applies. Pure.
// Invariant: a report has at most `MAX_KEYS` keys, whatever clients send.

import type { KeyDemand, LimitGrants } from './limit-types.js';
import { grantedFraction, limitKeyHashOf, type RateLimiter } from './rate-limit.js';

/** Keys of all limits in one report. */
export const MAX_KEYS = 1024;

/** What a balancer may use of a key: the limit's id, the key, and the fraction (0 … 1). */
export type KeyFraction = readonly [limit: string, key: string, fraction: number];

/** What grants give to one balancer. */
export function fractionsOf({ shares, keys }: LimitGrants, balancer: string): KeyFraction[] {
  const index = shares.findIndex((row) => row.balancer === balancer);
  return keys.map((grant) => [grant.limit, grant.key, grantedFraction(grant, index)]);
}

/** All rate limits of one balancer. */
export class FleetRates {
  readonly #limiters = new Map<string, RateLimiter>();
  #first = 0;
  #isAway = false;

  /** Replaces the limits. */
  setLimiters(limiters: readonly RateLimiter[]): void {
    this.#limiters.clear();
    for (const limiter of limiters) this.#limiters.set(limiter.limit, limiter);
  }

  /** The number of balancers in the fleet. */
  setBalancers(balancers: number): void {
    for (const limiter of this.#limiters.values()) limiter.setBalancers(balancers);
  }

  /** Redis has gone or come back: while it is away, fractions are kept. */
  setRedisAway(isAway: boolean): void {
    this.#isAway = isAway;
  }

  /** The busy keys of all limits. If there are too many, each report has others. */
  report(nowMs: number): KeyDemand[] {
    const all = [...this.#limiters.values()].flatMap((limiter) => limiter.report(nowMs, this.#isAway));
    if (all.length <= MAX_KEYS) return all;
    this.#first = (this.#first + MAX_KEYS) % all.length;
    return [...all.slice(this.#first), ...all.slice(0, this.#first)].slice(0, MAX_KEYS);
  }

  /** Applies fractions. Call it only if the grants are newer than those before. */
  take(fractions: readonly KeyFraction[], nowMs: number): void {
    for (const [limit, key, fraction] of fractions) {
      const [high, low] = limitKeyHashOf(key);
      this.#limiters.get(limit)?.grant(high, low, fraction, nowMs);
    }
  }
}
