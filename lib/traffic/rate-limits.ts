// The rate limits of a balancer in the thread that serves. Invariant: a new version of the site leaves the buckets of a limit
// as they are that it does not change; memory for keys is one table of fixed size, which a site without rate limits lacks.

import { createHash, createHmac } from 'node:crypto';
import { FleetRates, type KeyFraction } from '../routing/fleet-rates.js';
import { KeyHash } from '../routing/key-hash.js';
import type { KeyDemand } from '../routing/limit-types.js';
import { RateCells } from '../routing/rate-cells.js';
import { RateLimiter } from '../routing/rate-limit.js';
import { rateLimitIdsOf } from '../site-limits.js';
import type { RateLimit, Site, SiteRoute } from '../site-model.js';
import { RouteLimit } from './request/route-limit.js';

/** Keys of which a balancer can keep the buckets, in 3 MB. */
const CELLS = 1 << 16;

/** What a balancer's rate limits are made of. */
export interface RateLimitsOptions {
  readonly namespace: string;
  /** How long a key may use its whole limit here while no master answers. */
  readonly answerMs: number;
  readonly isTrusted: (address: string) => boolean;
}

/** All rate limits of one balancer. */
export class RateLimits {
  readonly #options: RateLimitsOptions;
  readonly #hash = new KeyHash(0, 0);
  readonly #rates = new FleetRates();
  #limiters = new Map<string, RateLimiter>();
  #cells: RateCells | undefined;
  #balancers = 1;

  constructor(options: RateLimitsOptions) {
    this.#options = options;
    this.setSecret(undefined);
  }

  /**
   * Keys are hashed with this secret of the fleet; without one, whoever knows the namespace can compute hashes. Another one
   * gives every key a new bucket.
   */
  setSecret(secret: Buffer | undefined): void {
    const text = `meercat rate limits of ${this.#options.namespace}`;
    const seeds = secret === undefined ? createHash('sha256').update(text).digest() : createHmac('sha256', secret).update(text).digest();
    this.#hash.reseed(seeds.readInt32BE(0), seeds.readInt32BE(4));
  }

  /** Another site is in force. Returns the limits of its routes, by their places. */
  setSite(site: Site | null): (RouteLimit | undefined)[] {
    const before = this.#limiters;
    this.#limiters = new Map();
    const ids = site === null ? [] : rateLimitIdsOf(site);
    const limits = ids.map((id, at) => {
      if (id === undefined) return undefined;
      const limiter = before.get(id) ?? this.#build(id, site?.routes[at] as SiteRoute);
      this.#limiters.set(id, limiter);
      return new RouteLimit(limiter, this.#hash, this.#options.isTrusted);
    });
    for (const [id, limiter] of before) if (!this.#limiters.has(id)) limiter.retire();
    if (this.#limiters.size === 0) this.#cells = undefined;
    this.#rates.setLimiters([...this.#limiters.values()]);
    return limits;
  }

  #build(id: string, route: SiteRoute): RateLimiter {
    this.#cells ??= new RateCells(CELLS);
    const limiter = new RateLimiter(id, route.rateLimit as RateLimit, this.#cells, this.#options.answerMs);
    limiter.setBalancers(this.#balancers);
    return limiter;
  }

  /** What the fleet thread knows: the size of the fleet, whether Redis is away, and what parts of keys this balancer may use. */
  take(balancers: number, isRedisAway: boolean, fractions: readonly KeyFraction[], nowMs: number): void {
    this.#balancers = balancers;
    this.#rates.setBalancers(balancers);
    this.#rates.setRedisAway(isRedisAway);
    this.#rates.take(fractions, nowMs);
  }

  /** What this balancer saw of its busy keys since the last call. */
  report(nowMs: number): KeyDemand[] {
    return this.#rates.report(nowMs);
  }
}
