// The router as its rules read, one rule a line and without any speed: the reference for the compiled one, in the tests
// and before `bench route` measures.

import { NO_ROUTE, REFUSED_PATH, type RoutableRequest } from '../routing/router.js';
import type { NameValue, RouteMatch, Site } from '../site-model.js';

/** As `Router.find` of the compiled site. */
export function findNaively(site: Pick<Site, 'routes' | 'paths'>, request: RoutableRequest, scheme: 'http' | 'https'): number {
  if (site.paths === 'strict' && isRefused(request.target)) return REFUSED_PATH;
  let best = NO_ROUTE;
  let bestRank: readonly number[] = [];
  for (const [index, { match }] of site.routes.entries()) {
    const rank = rankOf(match, request, scheme);
    if (rank !== undefined && (best === NO_ROUTE || isAbove(rank, bestRank))) {
      best = index;
      bestRank = rank;
    }
  }
  return best;
}

/** Whether the first difference is in favour of `rank`. */
function isAbove(rank: readonly number[], other: readonly number[]): boolean {
  const at = rank.findIndex((value, i) => value !== other[i]);
  return at >= 0 && (rank[at] as number) > (other[at] as number);
}

/** How specifically a match fits; undefined if it does not. */
function rankOf(match: RouteMatch, request: RoutableRequest, scheme: string): number[] | undefined {
  const { method, target, host, headers } = request;
  const hostRank = match.hosts.length === 0 ? 0 : Math.max(...match.hosts.map((pattern) => hostFit(pattern, nameOf(host ?? ''))));
  const pathRank = pathFit(match.path, target);
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(target) ?? [];
  const pairs = query.split('&').map((pair) => /^([^=]*)=?(.*)$/.exec(pair)?.slice(1).map(normal) as [string, string]);
  const hasHeader = ({ name, value }: NameValue): boolean =>
    headers.some((each, i) => i % 2 === 0 && each.toLowerCase() === name && headers[i + 1] === value);
  const hasPair = ({ name, value }: NameValue): boolean => pairs.some((pair) => pair[0] === name && pair[1] === value);
  if (hostRank < 0 || pathRank < 0 || (match.scheme !== null && match.scheme !== scheme)) return undefined;
  if (match.methods.length > 0 && !match.methods.includes(method)) return undefined;
  if (!match.headers.every(hasHeader) || !match.query.every(hasPair)) return undefined;
  return [hostRank, pathRank, Math.min(1, match.methods.length), match.headers.length, match.query.length];
}

/** The name in an authority. */
function nameOf(authority: string): string {
  const lower = authority.toLowerCase();
  return lower.startsWith('[') ? lower.replace(/:\d*$/, '') : lower.replace(/:\d*$/, '').replace(/(.)\.$/, '$1');
}

/** The rank of a pattern for a name: an exact one is above all wildcards. */
function hostFit(pattern: string, name: string): number {
  if (pattern === name) return 1e6;
  return pattern.startsWith('*') && name.endsWith(pattern.slice(1)) && name.length >= pattern.length ? pattern.length : -1;
}

/** The rank of a path for a target: an exact one is above all prefixes. */
function pathFit(path: RouteMatch['path'], target: string): number {
  const [said = ''] = /^[^?#]*/.exec(target) ?? [];
  if (path === null) return 1;
  if (!said.startsWith('/')) return -1;
  const value = normal(path.value);
  if (path.kind === 'exact') return normal(said) === value ? 1e6 : -1;
  return value === '/' || normal(said) === value || normal(said).startsWith(`${value}/`) ? value.length : -1;
}

/** The normal form of percent-encodings. */
function normal(text: string): string {
  return text.replace(/%([\dA-Fa-f]{2})/g, (encoded, digits: string) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16));
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase();
  });
}

/** Whether `paths: strict` refuses a target. */
function isRefused(target: string): boolean {
  if (target === '*') return false;
  const [path = ''] = /^[^?]*/.exec(target) ?? [];
  if (!path.startsWith('/') || path.includes('#') || /%2f|%25[\dA-Fa-f]{2}/i.test(path)) return true;
  try {
    const decoded = decodeURIComponent(path.replace(/[^\x20-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`));
    return /[\\;]|\/\/|\/\.{1,2}(?:\/|$)/.test(decoded) || [...decoded].some((each) => each < ' ' || each === '\u007f');
  } catch {
    return true;
  }
}
