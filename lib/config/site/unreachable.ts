// Routes that can never match. By the precedence of the Gateway API (exact host, longest wildcard, no host; exact path,
// longest prefix; a method; more headers; more query parameters; order in the document) a route takes every request of
// another one only if both match by the same host, path, headers and parameters, and the first of them stands earlier:
// a match that is wider in any of these has less precedence. So equal keys are looked for, which takes linear time.

import type { RouteMatch, SiteRoute } from '../../site-model.js';
import { inside, type Problems } from './problems.js';
import type { Placed } from './shapes.js';

/** Most combinations of host names, methods and schemes of all routes together. */
export const MAX_SITE_ALTERNATIVES = 1_000_000;

/** No target but `*` has such a path: a route without a path takes it, and one for the root and all below it does not. */
const ASTERISK = '*';

/** What a route matches by apart from host, method and scheme, as a text that is the same for the same match. */
function restOf({ headers, query }: RouteMatch): string {
  const sorted = (pairs: RouteMatch['headers']): string[] => pairs.map(({ name, value }) => JSON.stringify([name, value])).toSorted();
  return JSON.stringify([sorted(headers), sorted(query)]);
}

/** The paths that a route is looked up by: one without a path is one for the root, which also takes `*`. */
function pathsOf({ path }: RouteMatch): string[] {
  return path === null ? ['prefix /', ASTERISK] : [`${path.kind} ${path.value}`];
}

const SCHEMES = ['http', 'https'] as const;
const ALL = [''] as const;

/**
 * Adds a problem for each route that can never match.
 * @param placed where each route stands in the document
 */
export function refuseUnreachable(routes: readonly SiteRoute[], placed: readonly Placed<unknown>[], problems: Problems): void {
  /** For each host, path and rest, and then for each method and scheme: the first route that matches it. */
  const first = new Map<string, Map<string, number>>();
  let alternatives = 0;
  for (const [index, { match }] of routes.entries()) {
    const hosts = match.hosts.length === 0 ? ALL : match.hosts;
    const methods = match.methods.length === 0 ? ALL : match.methods;
    const schemes = match.scheme === null ? SCHEMES : [match.scheme];
    const paths = pathsOf(match);
    const at = placed[index]?.at ?? 0;
    alternatives += hosts.length * methods.length * schemes.length;
    if (alternatives > MAX_SITE_ALTERNATIVES) {
      problems.add(
        at,
        null,
        `the routes up to here have more than ${MAX_SITE_ALTERNATIVES} combinations of host names, methods and schemes`,
      );
      return;
    }
    const rest = restOf(match);
    const takers = new Set<number>();
    let isReachable = false;
    for (const host of hosts) {
      for (const path of paths) {
        const key = `${host} ${path} ${rest}`;
        const taken = first.get(key) ?? new Map<string, number>();
        if (taken.size === 0) first.set(key, taken);
        for (const method of methods) {
          for (const scheme of schemes) {
            const taker = taken.get(`${scheme} ${method}`);
            if (taker === undefined) {
              isReachable = true;
              taken.set(`${scheme} ${method}`, index);
            } else takers.add(taker);
          }
        }
      }
    }
    if (!isReachable) problems.add(at, inside(null, `route ${index + 1}`), tellTakers([...takers], routes));
  }
}

function tellTakers(takers: readonly number[], routes: readonly SiteRoute[]): string {
  const lines = takers.slice(0, 3).map((index) => `line ${routes[index]?.line}`);
  const more = takers.length > 3 ? ` and ${takers.length - 3} more` : '';
  const what = takers.length === 1 ? `the route on ${lines.join()} takes` : `the routes on ${lines.join(', ')}${more} take`;
  return `can never match, since ${what} every request that it is for: remove it, or match by something more`;
}
