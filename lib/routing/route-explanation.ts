// Why a request has its route, for `meercat why`: which parts of the match decided, and which more specific routes were
// passed over and for what. One rule after another and without speed; the router decides, and this must agree with it.

import type { NameValue, RouteMatch, Site } from '../site-model.js';
import type { RoutableRequest } from './router.js';
import { endOfPrefix, hasTokens, latin1Of, tokensOf } from './target-tokens.js';

/** Maximum routes that are listed as passed over. */
export const MAX_PASSED = 5;

/** One thing that a route asks for, and what the request has there. */
export interface MatchPart {
  readonly part: 'host' | 'path' | 'scheme' | 'method' | 'header' | 'query';
  readonly how: 'exact' | 'wildcard' | 'prefix';
  /** A header as `name: value`, a parameter as `name=value`; one of several names as `a, b`. */
  readonly wanted: string;
  /** Null: the request has nothing there. */
  readonly found: string | null;
}

/** A route that takes precedence over the one that was taken, and does not fit. */
export interface PassedRoute {
  readonly index: number;
  readonly line: number;
  /** The first part that does not fit. */
  readonly failed: MatchPart;
}

/** Why a route was taken, or none. */
export interface RouteReasons {
  /** What the route asks for, and what the request has there; empty for a route that fits every request, and without one. */
  readonly parts: readonly MatchPart[];
  /** More specific routes that do not fit; those that fit the most come first. */
  readonly passed: readonly PassedRoute[];
  /** Number of such routes that are not listed. */
  readonly unlisted: number;
}

/**
 * Explains a route.
 * @param found the index of the route that the router found; negative: none, so that all routes were passed over
 */
export function explainRoute(
  { routes }: Pick<Site, 'routes'>,
  found: number,
  request: RoutableRequest,
  scheme: 'http' | 'https',
): RouteReasons {
  const taken = routes[found];
  const rank = taken === undefined ? [] : rankOf(taken.match, found, request);
  const passed = routes
    .flatMap((route, index) => {
      if (index === found) return [];
      const own = rankOf(route.match, index, request);
      if (taken !== undefined && compareRanks(own, rank) < 0) return [];
      const { line, match } = route;
      const parts = partsOf(match, request, scheme);
      const at = parts.findIndex(({ fits }) => !fits);
      return at < 0 ? [] : { route: { index, line, failed: (parts[at] as Part).part }, step: (parts[at] as Part).step, own };
    })
    .toSorted((a, b) => b.step - a.step || compareRanks(b.own, a.own));
  return {
    parts: taken === undefined ? [] : partsOf(taken.match, request, scheme).map(({ part }) => part),
    passed: passed.slice(0, MAX_PASSED).map(({ route }) => route),
    unlisted: Math.max(0, passed.length - MAX_PASSED),
  };
}

interface Part {
  readonly part: MatchPart;
  readonly fits: boolean;
  /** Its place in the order of the parts: the further a route fits, the nearer it is to the request. */
  readonly step: number;
}

/** The parts of a match in the order in which they count. */
function partsOf(match: RouteMatch, request: RoutableRequest, scheme: string): Part[] {
  const { hosts, path, methods, headers, query } = match;
  const parts: Part[] = [];
  const add = (step: number, fits: boolean, part: MatchPart): void => void parts.push({ step, fits, part });
  if (hosts.length > 0) {
    const name = nameOf(request.host);
    const pattern = hosts.filter((each) => hostFits(each, name)).toSorted((a, b) => hostRank(b) - hostRank(a))[0];
    const how = (pattern ?? hosts[0] ?? '').startsWith('*.') ? 'wildcard' : 'exact';
    add(0, pattern !== undefined, { part: 'host', how, wanted: pattern ?? few(hosts), found: name || null });
  }
  // Any path is a path; the target `*` is none.
  if (path !== null)
    add(1, pathFits(path, request.target), { part: 'path', how: path.kind, wanted: path.value, found: pathOf(request.target) });
  if (match.scheme !== null) add(2, match.scheme === scheme, { part: 'scheme', how: 'exact', wanted: match.scheme, found: scheme });
  if (methods.length > 0)
    add(3, methods.includes(request.method), { part: 'method', how: 'exact', wanted: few(methods), found: request.method });
  for (const header of headers) {
    const values = headerValues(request.headers, header.name);
    const wanted = `${header.name}: ${header.value}`;
    const found = values.length === 0 ? null : few(values.map((value) => `${header.name}: ${value}`));
    add(4, values.includes(latin1Of(header.value)), { part: 'header', how: 'exact', wanted, found });
  }
  for (const pair of query) {
    const those = pairsOf(request.target).filter((each) => isSameText(nameIn(each), tokensOf(pair.name, '=&#')));
    const wanted = `${pair.name}=${pair.value}`;
    add(
      5,
      those.some((each) => isPair(each, pair)),
      { part: 'query', how: 'exact', wanted, found: those.join('&') || null },
    );
  }
  return parts;
}

/** How many names or values a reader is shown. */
const FEW = 4;

function few(texts: readonly string[]): string {
  const more = texts.length > FEW ? ` and ${texts.length - FEW} more` : '';
  return texts.slice(0, FEW).join(', ') + more;
}

/** The precedence of a route for a request: Gateway API, HTTPRouteRule.matches. Where nothing fits, of what it asks for. */
function rankOf({ hosts, path, methods, headers, query }: RouteMatch, index: number, { host }: RoutableRequest): number[] {
  const name = nameOf(host);
  const fitting = hosts.filter((each) => hostFits(each, name));
  const among = fitting.length > 0 ? fitting : hosts;
  return [
    among.reduce((most, each) => Math.max(most, hostRank(each)), 0),
    pathRank(path),
    Math.min(1, methods.length),
    headers.length,
    query.length,
    -index,
  ];
}

/** Above 0 if `one` takes precedence. */
function compareRanks(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, i) => value !== other[i]);
  return at < 0 ? 0 : (one[at] as number) - (other[at] as number);
}

/** An exact name is above all wildcards, and a longer wildcard above a shorter one. */
function hostRank(pattern: string): number {
  return pattern.startsWith('*.') ? pattern.length : Number.MAX_SAFE_INTEGER;
}

/** An exact path is above all prefixes, and a longer prefix above a shorter one; the root is as no path. */
function pathRank(path: RouteMatch['path']): number {
  if (path === null) return 1;
  return path.kind === 'exact' ? Number.MAX_SAFE_INTEGER : tokensOf(path.value, PATH_ENDS).length;
}

/** Characters that end a path. */
const PATH_ENDS = '?#';

/** The host name in an authority: without a port and one dot at its end, in lower case. */
function nameOf(authority = ''): string {
  const name = authority.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  if (name.startsWith('[')) return /^\[[^\]]*\]/.exec(name)?.[0] ?? name;
  const colon = name.lastIndexOf(':');
  return (colon < 0 ? name : name.slice(0, colon)).replace(/(?<=.)\.$/, '');
}

/** At least one character stands for the asterisk. */
function hostFits(pattern: string, name: string): boolean {
  return pattern.startsWith('*.') ? name.length >= pattern.length && name.endsWith(pattern.slice(1)) : pattern === name;
}

function pathOf(target: string): string {
  return target.replace(/[?#].*$/s, '');
}

function pathFits({ kind, value }: NonNullable<RouteMatch['path']>, target: string): boolean {
  if (!target.startsWith('/')) return false;
  const tokens = tokensOf(value, PATH_ENDS);
  return kind === 'exact' ? isSameText(pathOf(target), tokens) : endOfPrefix(target, tokens) >= 0;
}

/** Whether a whole text of a target has exactly these tokens. */
function isSameText(text: string, tokens: string): boolean {
  return hasTokens(text, 0, text.length, tokens);
}

function headerValues(headers: readonly string[], name: string): string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name);
}

/** The pairs of the query, as they stand there. */
function pairsOf(target: string): string[] {
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(target) ?? [];
  return query.split('&').filter((pair) => pair !== '');
}

function nameIn(pair: string): string {
  return pair.replace(/=.*$/s, '');
}

/** A name alone has an empty value. */
function isPair(pair: string, { name, value }: NameValue): boolean {
  return isSameText(pair.includes('=') ? pair : `${pair}=`, `${tokensOf(name, '=&#')}=${tokensOf(value, '&#')}`);
}
