// What `meercat why` says of the site's part: the route and why it was taken, its pool, what it changes or answers. In
// words, one fact a line.

import type { ExplainedRoute, Explanation } from '../explanation.js';
import type { MatchPart, PassedRoute } from '../routing/route-explanation.js';

/** The lines that stand before the picks. @param isPast whether the request was a real one, of which less is known */
export function renderRoute({ route, pool, answered, code }: Explanation, isPast: boolean): string[] {
  // As it always was while the fleet has no site.
  if (route === null) return answeredBy(pool, answered, null);
  return [
    titleOf(route, code),
    ...(route.index === null || isPast
      ? []
      : route.parts.length === 0
        ? ['  it fits every request']
        : route.parts.map((part) => `  ${fitting(part)}`)),
    ...(route.passed.length === 0 ? [] : [route.index === null ? 'routes that come nearest:' : 'more specific routes that do not fit:']),
    ...route.passed.map((each) => `  ${nameOf(each)}: ${failing(each)}`),
    ...(route.unlisted === 0 ? [] : [`  and ${route.unlisted} more`]),
    ...(pool === '' ? [] : [`pool ${pool}${shareOf(route)}`]),
    ...(route.target === null ? [] : [`the host gets the target ${route.target}`]),
    ...route.changes,
    ...answeredBy(pool, answered, route.location),
  ];
}

function titleOf(route: ExplainedRoute, code: string): string {
  const { version, index, line } = route;
  const site = version === 0 ? "the balancer's own site file" : `version ${version} of the site`;
  if (index === null || line === null) return `no route of ${site} fits${code === '' ? '' : `: ${code}`}`;
  return `${nameOf({ index, line })} of ${site}`;
}

const nameOf = ({ index, line }: Pick<PassedRoute, 'index' | 'line'>): string => `route ${index + 1} (line ${line})`;

function fitting({ part, how, wanted, found }: MatchPart): string {
  switch (part) {
    case 'host':
      return how === 'exact' ? `host ${wanted}, exactly` : `host ${found ?? ''}, by the wildcard ${wanted}`;
    case 'path':
      return how === 'exact' ? `path ${wanted}, exactly` : `path ${found ?? ''}, by the prefix ${wanted}`;
    case 'scheme':
      return `scheme ${wanted}`;
    case 'method':
      return `method ${found ?? ''}, of ${wanted}`;
    case 'header':
      return `header ${wanted}`;
    case 'query':
      return `query ${wanted}`;
  }
}

function failing({ failed: { part, how, wanted, found } }: PassedRoute): string {
  const has = found === null ? 'the request has none' : `the request has ${found}`;
  const kind = part === 'path' && how === 'prefix' ? 'path prefix' : part === 'path' && how === 'exact' ? 'exact path' : part;
  return `it asks for ${kind} ${wanted}; ${has}`;
}

/** The share of a pool, when the route leads to several. */
function shareOf({ split }: ExplainedRoute): string {
  if (split.length < 2) return '';
  const total = split.reduce((sum, { weight }) => sum + weight, 0);
  return ` (${split.map((each) => `${each.weight} of ${total} go to ${each.pool}`).join(', ')})`;
}

function answeredBy(pool: string, status: number, location: string | null): string[] {
  if (status === 0) return [];
  if (location !== null) return [`answered by the route: ${status}, to ${location}`];
  return [`answered by the ${pool === '' ? 'route' : 'pool, which is in maintenance'}: ${status}; no host is asked`];
}
