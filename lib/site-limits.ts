// Limits of a site over the whole fleet, as all three threads of a balancer must see them: their ids, and their times.
// Invariant: the ids and times are the same at all balancers that have the same site and lease, without asking anyone.

import { createHash } from 'node:crypto';
import type { RateLimit, Site } from './site-model.js';

/** How often limits are dealt out, in ms. `meercat simulate limits` says what it costs to do so less often. */
export const LIMIT_EVERY_MS = 100;

/** A fleet has a master again so long after the lease of the last one has ended. */
const ELECTION_MS = 500;

/** A share outlasts an election and what is under way: an overdue report, its answer, and a turn more. */
const LEASE_TURNS = 4;

/** How long a share is good for. @param leaseTtlMs of the master's lease */
export function shareLeaseMs(leaseTtlMs: number): number {
  return leaseTtlMs + ELECTION_MS + LEASE_TURNS * LIMIT_EVERY_MS;
}

/** The limits on requests in flight, by pool. */
export function fleetLimitsOf(site: Site | null): Map<string, number> {
  return new Map(site?.pools.flatMap(({ name, limits }) => (limits.fleet === null ? [] : [[name, limits.fleet] as const])));
}

/**
 * The ids of the routes' rate limits, by the route's place; undefined for one without. An id is made of what the route fits and
 * what it allows: a new version of the site leaves those alone that it does not change. Of two alike the second has another.
 */
export function rateLimitIdsOf(site: Site): (string | undefined)[] {
  const seen = new Map<string, number>();
  return site.routes.map(({ match, rateLimit }) => {
    if (rateLimit === null) return undefined;
    const content = JSON.stringify([match, rateLimit]);
    const before = seen.get(content) ?? 0;
    seen.set(content, before + 1);
    return createHash('sha256').update(`${before} ${content}`).digest('hex').slice(0, 16);
  });
}

/** The rate limits of a site, by id. */
export function rateLimitsOf(site: Site | null): Map<string, RateLimit> {
  if (site === null) return new Map();
  const ids = rateLimitIdsOf(site);
  return new Map(site.routes.flatMap(({ rateLimit }, at) => (rateLimit === null ? [] : [[ids[at] as string, rateLimit] as const])));
}
