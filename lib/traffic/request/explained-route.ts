// What a site says of a request, for `meercat why`: of a past one what is kept, of one that is asked for the route with
// its reasons and what it would change. Nothing is counted, and the turns of splits stay.

import { type ExplainedRoute, MAX_CHANGES, MAX_PARTS, MAX_SPLIT } from '../../explanation.js';
import { explainRoute, type MatchPart } from '../../routing/route-explanation.js';
import type { RoutableRequest } from '../../routing/router.js';
import type { HeaderChanges, SiteRoute } from '../../site-model.js';
import type { RoutedBy } from '../log/pick-log.js';
import type { Scheme } from '../wire/authority.js';
import { boundReason } from '../wire/reason-text.js';
import { encodeBytes } from '../wire/rewrite.js';
import type { CompiledRoute, CompiledSite } from './compiled-site.js';

const NOTHING_MORE = { parts: [], passed: [], unlisted: 0, split: [], target: null, changes: [], location: null } as const;

/** The route of a past request. */
export function pastRoute({ version, index, line }: RoutedBy): ExplainedRoute {
  return { version, index, line, ...NOTHING_MORE };
}

/** A site's say on a request that is not sent. @param index of the route that the router found; negative: none */
export function askedRoute<Pool>(
  { version, site, routes }: CompiledSite<Pool>,
  index: number,
  request: RoutableRequest,
  scheme: Scheme,
): ExplainedRoute {
  const { parts, passed, unlisted } = explainRoute(site, index, request, scheme);
  const compiled = routes[index];
  const route = site.routes[index];
  return {
    version,
    index: route === undefined ? null : index,
    line: route?.line ?? null,
    parts: parts.slice(0, MAX_PARTS).map(readablePart),
    passed: passed.map(({ index: at, line, failed }) => ({ index: at, line, failed: readablePart(failed) })),
    unlisted,
    ...(route === undefined || compiled === undefined
      ? { split: [], target: null, changes: [], location: null }
      : {
          split: route.action.kind === 'forward' ? route.action.to.slice(0, MAX_SPLIT) : [],
          target: rewritten(compiled, request.target),
          changes: changesOf(route),
          location: locationOf(compiled, request, scheme),
        }),
  };
}

/** Where a redirect leads; null if the route is none, or the request names no host that it could lead to. */
function locationOf<Pool>({ action }: CompiledRoute<Pool>, { host, target }: RoutableRequest, scheme: Scheme): string | null {
  return (action.kind === 'answer' && action.redirect?.(scheme, host, target)) || null;
}

function rewritten<Pool>({ action }: CompiledRoute<Pool>, target: string): string | null {
  const to = action.kind === 'forward' ? action.plan.rewrite?.(target) : undefined;
  return to === undefined || to === target ? null : encodeBytes(to);
}

function changesOf({ headers: { request, response } }: SiteRoute): string[] {
  return [...linesOf('request', request), ...linesOf('response', response)].slice(0, MAX_CHANGES).map(boundReason);
}

function linesOf(of: 'request' | 'response', { remove, set, add }: HeaderChanges): string[] {
  return [
    ...remove.map((name) => `${of}: remove ${name}`),
    ...set.map(({ name, value }) => `${of}: set ${name}: ${value}`),
    ...add.map(({ name, value }) => `${of}: add ${name}: ${value}`),
  ];
}

function readablePart(part: MatchPart): MatchPart {
  return { ...part, wanted: boundReason(part.wanted), found: part.found === null ? null : boundReason(part.found) };
}
