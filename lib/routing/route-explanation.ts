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
 * Explains a route. It runs in the thread that serves: of all routes only those that are listed are put into words.
 * @param found the index of the route that the router found; negative: none, so that all routes were passed over
 */
export function explainRoute(
  { routes }: Pick<Site, 'routes'>,
  found: number,
  request: RoutableRequest,
  scheme: 'http' | 'https',
): RouteReasons {
  const seen = see(request, scheme);
  const taken = routes[found]?.match;
  const least = taken === undefined ? undefined : rankOf(taken, found, seen);
  const nearest: Passed[] = [];
  let count = 0;
  for (const [index, { match }] of routes.entries()) {
    if (index === found) continue;
    const rank = rankOf(match, index, seen);
    if (least !== undefined && compareRanks(rank, least) < 0) continue;
    const step = failingStep(match, seen);
    if (step < 0) continue;
    count++;
    keepNearest(nearest, { index, step, rank });
  }
  return {
    parts: taken === undefined ? [] : partsOf(taken, seen).map(({ part }) => part),
    passed: nearest.map(({ index }) => {
      const { line, match } = routes[index] as Site['routes'][number];
      return { index, line, failed: partsOf(match, seen).find(({ fits }) => !fits)?.part as MatchPart };
    }),
    unlisted: count - nearest.length,
  };
}

/** A route that does not fit. */
interface Passed {
  readonly index: number;
  /** The first part that fails, in the order of STEPS: the later, the nearer is the route to the request. */
  readonly step: number;
  readonly rank: readonly number[];
}

/** Puts a route among the nearest ones, in order, if it is one of them. */
function keepNearest(nearest: Passed[], route: Passed): void {
  const isBefore = (other: Passed): boolean =>
    other.step > route.step || (other.step === route.step && compareRanks(other.rank, route.rank) > 0);
  let at = nearest.length;
  while (at > 0 && !isBefore(nearest[at - 1] as Passed)) at--;
  if (at >= MAX_PASSED) return;
  nearest.splice(at, 0, route);
  if (nearest.length > MAX_PASSED) nearest.pop();
}

/** A request as routes look at it. */
interface Seen {
  readonly request: RoutableRequest;
  readonly scheme: string;
  readonly name: string;
  readonly path: string;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The pairs of the query, as they stand there. */
  readonly pairs: readonly string[];
}

function see(request: RoutableRequest, scheme: string): Seen {
  const headers = new Map<string, string[]>();
  for (let i = 0; i < request.headers.length; i += 2) {
    const name = (request.headers[i] as string).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), request.headers[i + 1] as string]);
  }
  const [, query = ''] = /^[^?#]*\?([^#]*)/.exec(request.target) ?? [];
  return {
    ...{ request, scheme, headers },
    name: nameOf(request.host),
    path: request.target.replace(/[?#].*$/s, ''),
    pairs: query.split('&').filter((pair) => pair !== ''),
  };
}

/** The parts of a match in the order in which they are looked at. */
const STEPS: readonly ((match: RouteMatch, seen: Seen) => boolean)[] = [
  ({ hosts }, { name }) => hosts.length === 0 || hosts.some((each) => hostFits(each, name)),
  ({ path }, seen) => path === null || pathFits(path, seen),
  ({ scheme }, seen) => scheme === null || scheme === seen.scheme,
  ({ methods }, { request }) => methods.length === 0 || methods.includes(request.method),
  ({ headers }, seen) => headers.every((each) => hasHeader(each, seen)),
  ({ query }, seen) => query.every((each) => hasPair(each, seen)),
];

/** The first part that does not fit; -1: all do. */
function failingStep(match: RouteMatch, seen: Seen): number {
  return STEPS.findIndex((fits) => !fits(match, seen));
}

/** The parts of a match, in words, in the same order. */
function partsOf(match: RouteMatch, seen: Seen): { readonly part: MatchPart; readonly fits: boolean }[] {
  const { hosts, path, scheme, methods, headers, query } = match;
  const { request, name } = seen;
  const parts: { part: MatchPart; fits: boolean }[] = [];
  const add = (fits: boolean, part: MatchPart): void => void parts.push({ fits, part });
  if (hosts.length > 0) {
    const pattern = hosts.filter((each) => hostFits(each, name)).toSorted((a, b) => hostRank(b) - hostRank(a))[0];
    const how = (pattern ?? hosts[0] ?? '').startsWith('*.') ? 'wildcard' : 'exact';
    add(pattern !== undefined, { part: 'host', how, wanted: pattern ?? few(hosts), found: name || null });
  }
  // Any path is a path; the target `*` is none.
  if (path !== null) add(pathFits(path, seen), { part: 'path', how: path.kind, wanted: path.value, found: seen.path });
  if (scheme !== null) add(scheme === seen.scheme, { part: 'scheme', how: 'exact', wanted: scheme, found: seen.scheme });
  if (methods.length > 0)
    add(methods.includes(request.method), { part: 'method', how: 'exact', wanted: few(methods), found: request.method });
  for (const header of headers) {
    const found = seen.headers.get(header.name)?.map((value) => `${header.name}: ${value}`);
    const wanted = `${header.name}: ${header.value}`;
    add(hasHeader(header, seen), { part: 'header', how: 'exact', wanted, found: found === undefined ? null : few(found) });
  }
  for (const pair of query) {
    const tokens = tokensOf(pair.name, PAIR_ENDS);
    const those = seen.pairs.filter((each) => isSameText(each.replace(/=.*$/s, ''), tokens));
    add(hasPair(pair, seen), { part: 'query', how: 'exact', wanted: `${pair.name}=${pair.value}`, found: those.join('&') || null });
  }
  return parts;
}

/** How many names or values a reader is shown. */
const FEW = 4;

function few(texts: readonly string[]): string {
  const more = texts.length > FEW ? ` and ${texts.length - FEW} more` : '';
  return texts.slice(0, FEW).join(', ') + more;
}

/** The precedence of a route for a request: Gateway API, HTTPRouteRule.matches. Where no host fits, of what it asks for. */
function rankOf({ hosts, path, methods, headers, query }: RouteMatch, index: number, { name }: Seen): readonly number[] {
  let fitting = 0;
  let most = 0;
  for (const each of hosts) {
    const rank = hostRank(each);
    most = Math.max(most, rank);
    if (hostFits(each, name)) fitting = Math.max(fitting, rank);
  }
  return [fitting || most, pathRank(path), Math.min(1, methods.length), headers.length, query.length, -index];
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

function pathFits({ kind, value }: NonNullable<RouteMatch['path']>, { request: { target }, path }: Seen): boolean {
  if (!target.startsWith('/')) return false;
  const tokens = tokensOf(value, PATH_ENDS);
  return kind === 'exact' ? isSameText(path, tokens) : endOfPrefix(target, tokens) >= 0;
}

/** Whether a whole text of a target has exactly these tokens. */
function isSameText(text: string, tokens: string): boolean {
  return hasTokens(text, 0, text.length, tokens);
}

function hasHeader({ name, value }: NameValue, { headers }: Seen): boolean {
  return headers.get(name)?.includes(latin1Of(value)) === true;
}

/** Characters that end a name or value of the query. */
const PAIR_ENDS = '=&#';

/** A name alone has an empty value. */
function hasPair({ name, value }: NameValue, { pairs }: Seen): boolean {
  if (pairs.length === 0) return false;
  const tokens = `${tokensOf(name, PAIR_ENDS)}=${tokensOf(value, '&#')}`;
  return pairs.some((pair) => isSameText(pair.includes('=') ? pair : `${pair}=`, tokens));
}
