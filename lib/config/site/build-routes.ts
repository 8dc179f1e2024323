// The routes of a site from those of its document: references to pools, and how keys of a route depend on one another.
// Invariant: a route that has a problem is built all the same, so that what it depends on is checked.

import { messageOf } from '../../errors.js';
import { nearestWord } from '../../nearest.js';
import {
  DEFAULT_POOL,
  type HeaderChanges,
  type NameValue,
  type Rewrite,
  type RouteAction,
  type RouteMatch,
  type SitePool,
  type SiteRoute,
} from '../../site-model.js';
import { parseMethods } from '../methods.js';
import { ANY_REQUEST, NO_HEADER_CHANGES, onlyRouteTo } from './built-in-site.js';
import { fixedAnswerOf, siteKeyOf } from './build-pools.js';
import type { SiteDocument } from './document-shape.js';
import { isRefusedWhenStrict, whyUnchangeable } from './names-and-paths.js';
import type { ChangesDocument, RouteDocument } from './route-shape.js';
import { code, inside, type Problems, type Where } from './problems.js';
import type { Placed, PlacedEntry } from './shapes.js';

/** All routes in the order of the document. Without any, all requests go to the only pool that is named, or to `default`. */
export function buildRoutes(document: SiteDocument, pools: readonly SitePool[], problems: Problems): SiteRoute[] {
  if (document.routes.length > 0) {
    const builder = new RouteBuilder(document, pools, problems);
    return document.routes.map(({ value, at }, index) => builder.build(value, at, `route ${index + 1}`));
  }
  const [only, ...more] = document.pools;
  return [onlyRouteTo(only !== undefined && more.length === 0 ? only.key : DEFAULT_POOL)];
}

class RouteBuilder {
  readonly #document: SiteDocument;
  readonly #names: readonly string[];
  readonly #known: ReadonlySet<string>;
  readonly #problems: Problems;

  constructor(document: SiteDocument, pools: readonly SitePool[], problems: Problems) {
    this.#document = document;
    this.#names = pools.map(({ name }) => name);
    this.#known = new Set(this.#names);
    this.#problems = problems;
  }

  build(route: RouteDocument, at: number, name: string): SiteRoute {
    const where: Where = { parent: null, name, isSubject: true };
    const match = this.#match(route, where);
    const action = this.#action(route, match, where);
    const { rateLimit, headers } = route;
    return {
      line: this.#problems.lineOf(at),
      match,
      action,
      headers: {
        request: this.#changes(headers?.request ?? null, 'request', inside(where, 'headers.request')),
        response: this.#changes(headers?.response ?? null, 'response', inside(where, 'headers.response')),
      },
      rateLimit:
        rateLimit?.requests === undefined || rateLimit.per === undefined || rateLimit.key === undefined
          ? null
          : {
              requests: rateLimit.requests,
              perMs: rateLimit.per,
              burst: rateLimit.burst ?? rateLimit.requests,
              key: siteKeyOf(rateLimit.key),
            },
    };
  }

  #match({ match }: RouteDocument, where: Where): RouteMatch {
    if (match === null) return ANY_REQUEST;
    const problems = this.#problems;
    const inMatch = inside(where, 'match');
    const { scheme, path: written, headers, query } = match;
    const path =
      written === null
        ? null
        : typeof written.value === 'string'
          ? ({ kind: 'prefix', value: written.value } as const)
          : written.value.exact !== null
            ? ({ kind: 'exact', value: written.value.exact } as const)
            : ({ kind: 'prefix', value: written.value.prefix ?? '/' } as const);
    if (written !== null && path !== null && this.#document.paths === 'strict' && isRefusedWhenStrict(path.value))
      problems.add(
        written.at,
        inside(inMatch, 'path'),
        `no request has the path ${code(path.value)} with \`paths: strict\`, which refuses paths that a host might read differently`,
      );
    return {
      hosts: distinct(match.hosts, inside(inMatch, 'hosts'), problems),
      scheme,
      path,
      methods: distinct(match.methods, inside(inMatch, 'methods'), problems).filter((method, index) =>
        this.#isMethod(method, match.methods[index]?.at ?? match.at, inMatch),
      ),
      headers: pairsOf(headers, inside(inMatch, 'headers'), problems).map(({ name, value }) => ({ name: name.toLowerCase(), value })),
      query: query.flatMap(({ key, value }) => (value === undefined ? [] : [{ name: key, value }])),
    };
  }

  #isMethod(method: string, at: number, where: Where): boolean {
    try {
      if (parseMethods('', method).length === 1) return true;
      this.#problems.add(at, inside(where, 'methods'), '`any`: leave `methods` out instead');
    } catch (error) {
      this.#problems.add(at, inside(where, 'methods'), messageOf(error).replace(/^: /, ''));
    }
    return false;
  }

  #action(route: RouteDocument, match: RouteMatch, where: Where): RouteAction {
    const problems = this.#problems;
    const { to, redirect, respond, rewrite, headers, places } = route;
    if (to === null) {
      if (rewrite !== null) problems.add(rewrite.at, where, '`rewrite` changes what goes to a host: it goes with `to`');
      if (headers?.places.request !== undefined)
        problems.add(headers.places.request, where, '`headers.request` changes what goes to a host: it goes with `to`');
    }
    if (redirect !== null && to === null) return this.#redirect(redirect, match, inside(where, 'redirect'));
    if (respond !== null && to === null) return { kind: 'respond', ...fixedAnswerOf(respond, inside(where, 'respond'), problems) };
    const targets = to === null ? [] : this.#targets(to, places.to ?? to.at, inside(where, 'to'));
    return { kind: 'forward', to: targets, rewrite: rewrite === null ? null : this.#rewrite(rewrite, match, inside(where, 'rewrite')) };
  }

  #targets({ at, value }: NonNullable<RouteDocument['to']>, keyAt: number, where: Where): { pool: string; weight: number }[] {
    const written = typeof value === 'string' ? [{ key: value, at, value: 1 }] : value;
    // Without pools something is wrong with all of them, and that has been told.
    const areKnown = this.#document.pools.length > 0 || this.#problems.isEmpty;
    for (const { key, at: nameAt } of written) {
      if (!areKnown || this.#known.has(key)) continue;
      const near = nearestWord(key, this.#names);
      this.#problems.add(
        nameAt,
        where,
        `there is no pool ${code(key)}${near === undefined ? ': add it to `pools`' : `; did you mean ${code(near)}?`}`,
      );
    }
    const isFitting = written.every(({ value: weight }) => weight !== undefined);
    if (isFitting && written.every(({ value: weight }) => weight === 0))
      this.#problems.add(keyAt, where, 'all weights are 0: give a pool more, or answer with `respond`');
    return written.map(({ key, value: weight }) => ({ pool: key, weight: weight ?? 1 }));
  }

  #redirect({ at, value }: NonNullable<RouteDocument['redirect']>, match: RouteMatch, where: Where): RouteAction {
    const { status, scheme, host, port, path } = value;
    const isElsewhere =
      (scheme !== null && scheme !== match.scheme) ||
      (host !== null && !(match.hosts.length === 1 && match.hosts[0] === host.toLowerCase())) ||
      port !== null ||
      (path !== null && path !== match.path?.value);
    const isFitting = (['scheme', 'host', 'port', 'path'] as const).every((key) => value.places[key] === undefined || value[key] !== null);
    if (!isElsewhere && isFitting)
      this.#problems.add(at, where, 'leads to the request’s own URL, again and again: give another `scheme`, a `host`, `port` or `path`');
    return { kind: 'redirect', status, scheme, host, port, path };
  }

  #rewrite(rewrite: NonNullable<RouteDocument['rewrite']>, match: RouteMatch, where: Where): Rewrite | null {
    const { stripPrefix, replacePrefix, path, places } = rewrite;
    if (path !== null) return { kind: 'path', path };
    const prefix = stripPrefix ?? replacePrefix?.prefix;
    if (prefix === undefined) return null;
    const isBelow = match.path !== null && (match.path.value === prefix || match.path.value.startsWith(`${prefix}/`));
    if (prefix !== '/' && !isBelow)
      this.#problems.add(
        places.stripPrefix ?? places.replacePrefix ?? rewrite.at,
        where,
        `not every request of this route has the prefix ${code(prefix)}: let \`match.path\` begin with it`,
      );
    if (replacePrefix !== null) return { kind: 'replace-prefix', prefix, by: replacePrefix.by ?? '/' };
    if (prefix === '/') this.#problems.add(places.stripPrefix ?? rewrite.at, where, 'stripping `/` changes nothing: leave it out');
    return { kind: 'strip-prefix', prefix };
  }

  #changes(changes: ChangesDocument | null, side: 'request' | 'response', where: Where): HeaderChanges {
    if (changes === null) return NO_HEADER_CHANGES;
    const problems = this.#problems;
    for (const change of ['set', 'add'] as const) {
      for (const { key, at } of changes[change]) {
        const wrong = whyUnchangeable(key, side);
        if (wrong !== undefined) problems.add(at, inside(where, change), wrong);
      }
    }
    for (const { at, value } of changes.remove) {
      const wrong = whyUnchangeable(value, side);
      if (wrong !== undefined) problems.add(at, inside(where, 'remove'), wrong);
    }
    const set = pairsOf(changes.set, inside(where, 'set'), problems);
    const names = new Set(set.map(({ name }) => name.toLowerCase()));
    for (const { at, value } of changes.remove)
      if (names.has(value.toLowerCase()))
        problems.add(at, inside(where, 'remove'), `${code(value)} is set as well, which removes what was there: leave it out here`);
    return {
      set,
      add: pairsOf(changes.add, inside(where, 'add'), problems),
      remove: distinct(changes.remove, inside(where, 'remove'), problems, (name) => name.toLowerCase()),
    };
  }
}

/** The values of a list, none of them twice. */
function distinct(
  list: readonly Placed<string>[],
  where: Where,
  problems: Problems,
  formOf: (value: string) => string = (value) => value,
): string[] {
  const seen = new Set<string>();
  for (const { at, value } of list) {
    if (seen.has(formOf(value))) problems.add(at, where, `${code(value)} is given twice`);
    seen.add(formOf(value));
  }
  return list.map(({ value }) => value);
}

/** Fields with their values; names that differ in case only are one name, and a problem. */
function pairsOf(entries: readonly PlacedEntry<string>[], where: Where, problems: Problems): NameValue[] {
  const seen = new Set<string>();
  return entries.flatMap(({ key, at, value }) => {
    const name = key.toLowerCase();
    if (seen.has(name)) problems.add(at, where, `${code(key)} is given twice: names of header fields have no case`);
    seen.add(name);
    return value === undefined ? [] : [{ name: key, value }];
  });
}
