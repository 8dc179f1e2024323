// Routes as tests write them: what a test does not care about is left out.

import type { RouteAction, RouteMatch, SiteRoute } from '../../lib/site-model.js';

const NO_CHANGES = { set: [], add: [], remove: [] };

/** A route with this match, and nothing else that matters. */
export function routeOf(match: Partial<RouteMatch>, action: RouteAction = forwardTo('default')): SiteRoute {
  return {
    line: 1,
    match: { hosts: [], scheme: null, path: null, methods: [], headers: [], query: [], ...match },
    action,
    headers: { request: NO_CHANGES, response: NO_CHANGES },
    rateLimit: null,
  };
}

/** All requests to one pool. */
export function forwardTo(pool: string): RouteAction {
  return { kind: 'forward', to: [{ pool, weight: 1 }], rewrite: null };
}

/** A prefix of paths. */
export function under(value: string): RouteMatch['path'] {
  return { kind: 'prefix', value };
}

/** One path. */
export function exactly(value: string): RouteMatch['path'] {
  return { kind: 'exact', value };
}
