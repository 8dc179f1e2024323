// The site of a fleet that has none: one pool, and one route that sends it everything. What a document leaves out is as
// it is here.

import { DEFAULT_POOL, type HeaderChanges, type RouteMatch, type Site, type SitePool, type SiteRoute } from '../../site-model.js';

/** What every request matches. */
export const ANY_REQUEST: RouteMatch = { hosts: [], scheme: null, path: null, methods: [], headers: [], query: [] };

/** No changes of header fields. */
export const NO_HEADER_CHANGES: HeaderChanges = { set: [], add: [], remove: [] };

/** A pool of which nothing is said: hosts come from agents, and flags say the rest. */
export function barePool(name: string): SitePool {
  return {
    name,
    algorithm: null,
    protocol: 'http1',
    hosts: [],
    health: { path: null, grpc: null, intervalMs: null, timeoutMs: null, statuses: null },
    limits: { perHost: null, fleet: null, queue: null, queueTimeoutMs: null },
    retries: { budgetPercent: null, attempts: null },
    timeouts: { connectMs: null, responseMs: null },
    affinity: null,
    respond: null,
    answers: {},
  };
}

/** The route of all requests to one pool. */
export function onlyRouteTo(pool: string): SiteRoute {
  return {
    line: 1,
    match: ANY_REQUEST,
    action: { kind: 'forward', to: [{ pool, weight: 1 }], rewrite: null },
    headers: { request: NO_HEADER_CHANGES, response: NO_HEADER_CHANGES },
    rateLimit: null,
  };
}

/** What a balancer without a site does. */
export const BUILT_IN_SITE: Site = { paths: 'as-written', pools: [barePool(DEFAULT_POOL)], routes: [onlyRouteTo(DEFAULT_POOL)] };
