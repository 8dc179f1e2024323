// What is allowed in a site and most likely a mistake.

import { DEFAULT_POOL, type SiteRoute } from '../../site-model.js';
import type { SiteDocument } from './document-shape.js';
import { code, inside, type Problems } from './problems.js';
import type { Placed } from './shapes.js';

/** Warns of pools that get no requests because no route names them; weight 0 says that it is meant. */
export function warnOfUnused({ pools }: Pick<SiteDocument, 'pools'>, routes: readonly SiteRoute[], warnings: Problems): void {
  const used = new Set([
    DEFAULT_POOL,
    ...routes.flatMap(({ action }) => (action.kind === 'forward' ? action.to.map(({ pool }) => pool) : [])),
  ]);
  for (const { key, at } of pools) {
    if (used.has(key)) continue;
    warnings.add(at, null, `pool ${code(key)} is used by no route and gets no requests: name it in the \`to\` of a route, or remove it`);
  }
}

/** Most lines that a warning names. */
const MAX_LINES = 3;

/**
 * Warns of a redirect from http to https for all requests beside routes that take some of them: a host name or path has
 * precedence, whatever the order, and a scheme has none.
 * @param placed where each route stands in the document
 */
export function warnOfUnredirected(routes: readonly SiteRoute[], placed: readonly Placed<unknown>[], warnings: Problems): void {
  const takers = routes.filter(({ match, action }) => match.scheme === null && action.kind === 'forward' && isSpecific(match));
  if (takers.length === 0) return;
  const lines = takers.slice(0, MAX_LINES).map(({ line }) => line);
  const more = takers.length > MAX_LINES ? ` and ${takers.length - MAX_LINES} more` : '';
  for (const [index, { match, action }] of routes.entries()) {
    if (action.kind !== 'redirect' || match.scheme !== 'http' || action.scheme !== 'https' || isSpecific(match)) continue;
    const message = `redirects http to https, but not what more specific routes take, on ${lines.length > 1 ? 'the lines' : 'line'} ${lines.join(', ')}${more}: let those match \`scheme: https\` to have http redirected there too`;
    warnings.add(placed[index]?.at ?? 0, inside(null, `route ${index + 1}`), message);
  }
}

function isSpecific({ hosts, path }: SiteRoute['match']): boolean {
  return hosts.length > 0 || (path !== null && (path.kind === 'exact' || path.value !== '/'));
}
