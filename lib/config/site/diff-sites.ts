// What differs between two sites, in the words of the document: pools, their hosts, and routes. Pure. Invariant: two sites
// without changes treat every request the same; line numbers and spelling don't count.

import type { Site, SiteHost, SitePool, SiteRoute } from '../../site-model.js';
import { formatDuration } from '../values.js';
import { BUILT_IN_SITE } from './built-in-site.js';
import { describeMatch, matchKey } from './describe-route.js';

/** A value that differs; null is one that is not given. `field` is its name in the document, such as `limits.fleet`. */
export interface FieldChange {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** One difference. Routes are known by what they match; a route with another match is another route. */
export type SiteChange =
  | { readonly change: 'paths'; readonly before: Site['paths']; readonly after: Site['paths'] }
  | { readonly change: 'pool-added' | 'pool-removed'; readonly pool: string; readonly hosts: number }
  | { readonly change: 'pool-changed'; readonly pool: string; readonly fields: readonly FieldChange[] }
  | { readonly change: 'host-added' | 'host-removed'; readonly pool: string; readonly host: string; readonly url: string }
  | { readonly change: 'host-changed'; readonly pool: string; readonly host: string; readonly fields: readonly FieldChange[] }
  | {
      readonly change: 'route-added' | 'route-removed';
      readonly match: string;
      /** Its place among the routes of its site, from 1. */
      readonly place: number;
      readonly fields: readonly FieldChange[];
    }
  | { readonly change: 'route-changed'; readonly match: string; readonly place: number; readonly fields: readonly FieldChange[] }
  | { readonly change: 'route-moved'; readonly match: string; readonly from: number; readonly place: number };

/** The changes from one site to another: first pools and hosts, then routes. Null is a fleet without a site. */
export function diffSites(before: Site | null, after: Site): SiteChange[] {
  const { paths, pools, routes } = before ?? BUILT_IN_SITE;
  return [
    ...(paths === after.paths ? [] : [{ change: 'paths', before: paths, after: after.paths } as const]),
    ...diffPools(pools, after.pools),
    ...diffRoutes(routes, after.routes),
  ];
}

function diffPools(before: readonly SitePool[], after: readonly SitePool[]): SiteChange[] {
  const old = new Map(before.map((pool) => [pool.name, pool]));
  const names = new Set(after.map(({ name }) => name));
  const removed = before
    .filter(({ name }) => !names.has(name))
    .map(({ name, hosts }) => ({ change: 'pool-removed', pool: name, hosts: hosts.length }) as const);
  const others = after.flatMap((pool): SiteChange[] => {
    const was = old.get(pool.name);
    if (was !== undefined) return diffPool(was, pool);
    return [{ change: 'pool-added', pool: pool.name, hosts: pool.hosts.length }];
  });
  return [...removed, ...others];
}

function diffPool(before: SitePool, after: SitePool): SiteChange[] {
  const pool = after.name;
  const { hosts: oldHosts, ...oldFields } = before;
  const { hosts: newHosts, ...newFields } = after;
  const fields = diffFields(fieldsOf(oldFields), fieldsOf(newFields));
  const changed = fields.length === 0 ? [] : [{ change: 'pool-changed', pool, fields } as const];
  return [...changed, ...diffHosts(pool, oldHosts, newHosts)];
}

function diffHosts(pool: string, before: readonly SiteHost[], after: readonly SiteHost[]): SiteChange[] {
  const old = new Map(before.map((host) => [host.name, host]));
  const names = new Set(after.map(({ name }) => name));
  const removed = before
    .filter(({ name }) => !names.has(name))
    .map((host) => ({ change: 'host-removed', pool, host: host.name, url: urlOf(host) }) as const);
  const others = after.flatMap((host): SiteChange[] => {
    const was = old.get(host.name);
    if (was === undefined) return [{ change: 'host-added', pool, host: host.name, url: urlOf(host) }];
    const seen = ({ weight }: SiteHost, url: string): Map<string, unknown> => new Map<string, unknown>(Object.entries({ url, weight }));
    const fields = diffFields(seen(was, urlOf(was)), seen(host, urlOf(host)));
    return fields.length === 0 ? [] : [{ change: 'host-changed', pool, host: host.name, fields }];
  });
  return [...removed, ...others];
}

/** A host's URL as the document has it. */
function urlOf({ url, discovery }: SiteHost): string {
  return discovery === 'none' ? url : `${discovery}+${url}`;
}

/** The values of a thing by their names in the document: durations and percentages as they are written there. */
function fieldsOf(thing: object, prefix = ''): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [key, value] of Object.entries(thing)) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value) && prefix === '' && !('kind' in value) && !('status' in value))
      for (const [name, inner] of fieldsOf(value, `${key}.`)) fields.set(name, inner);
    else if (typeof value === 'number' && key.endsWith('Ms')) fields.set(`${prefix}${key.slice(0, -2)}`, formatDuration(value));
    else if (typeof value === 'number' && key.endsWith('Percent')) fields.set(`${prefix}${key.slice(0, -7)}`, `${value}%`);
    else fields.set(`${prefix}${key.replace(/Ms$|Percent$/, '')}`, value);
  }
  return fields;
}

function diffFields(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): FieldChange[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((field) => ({ field, before: before.get(field) ?? null, after: after.get(field) ?? null }))
    .filter((change) => JSON.stringify(change.before) !== JSON.stringify(change.after));
}

/** What a route does, by the names of the document. */
function effectsOf({ action, headers, rateLimit }: SiteRoute): Map<string, unknown> {
  const { kind, ...what } = action;
  const changes = Object.entries(headers).flatMap(([side, { set, add, remove }]) =>
    set.length + add.length + remove.length === 0 ? [] : [[`headers.${side}`, { set, add, remove }] as const],
  );
  const effects = new Map<string, unknown>(changes);
  if (action.kind === 'forward') {
    // Written in any order, the shares are the same.
    effects.set(
      'to',
      Object.fromEntries(action.to.map(({ pool, weight }) => [pool, weight] as const).toSorted(([one], [other]) => (one < other ? -1 : 1))),
    );
    effects.set('rewrite', action.rewrite);
  } else effects.set(kind, what);
  if (rateLimit !== null) {
    const { perMs, ...limit } = rateLimit;
    effects.set('rateLimit', { ...limit, per: formatDuration(perMs) });
  }
  return effects;
}

function diffRoutes(before: readonly SiteRoute[], after: readonly SiteRoute[]): SiteChange[] {
  const places = new Map(before.map(({ match }, index) => [matchKey(match), index]));
  const kept = new Set(after.map(({ match }) => matchKey(match)));
  const oldPlaces = after.map(({ match }) => places.get(matchKey(match)) ?? -1);
  const unmoved = longestIncreasing(oldPlaces.filter((place) => place >= 0));
  const removed = before.flatMap((route, index): SiteChange[] =>
    kept.has(matchKey(route.match))
      ? []
      : [{ change: 'route-removed', match: describeMatch(route.match), place: index + 1, fields: diffFields(effectsOf(route), new Map()) }],
  );
  const others = after.flatMap((route, index): SiteChange[] => {
    const match = describeMatch(route.match);
    const from = oldPlaces[index] as number;
    const was = before[from];
    if (was === undefined) return [{ change: 'route-added', match, place: index + 1, fields: diffFields(new Map(), effectsOf(route)) }];
    const fields = diffFields(effectsOf(was), effectsOf(route));
    return [
      ...(unmoved.has(from) ? [] : [{ change: 'route-moved', match, from: from + 1, place: index + 1 } as const]),
      ...(fields.length === 0 ? [] : [{ change: 'route-changed', match, place: index + 1, fields } as const]),
    ];
  });
  return [...removed, ...others];
}

/** A longest increasing subsequence of different numbers (patience sorting, O(n log n)): the fewest others have moved. */
function longestIncreasing(numbers: readonly number[]): Set<number> {
  /** For each length, the least number that such a sequence can end with; and for each number the one before it. */
  const ends: number[] = [];
  const before = new Map<number, number | undefined>();
  for (const number of numbers) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] as number) < number) low = middle + 1;
      else high = middle;
    }
    ends[low] = number;
    before.set(number, ends[low - 1]);
  }
  const longest = new Set<number>();
  for (let at = ends.at(-1); at !== undefined; at = before.get(at)) longest.add(at);
  return longest;
}
