// The routes by host level and path: for each pair a list of routes in order of precedence (a method, more headers, more
// query parameters, order in the document). Exact paths and prefixes are found by the hash of a path's tokens.

import type { SiteRoute } from '../site-model.js';
import { hashOf, HashSlots, keyHash } from './hash-slots.js';
import { hasTokens, tokensOf } from './target-tokens.js';

/** Characters that end a path. */
const PATH_ENDS = '?#';

const EXACT = 0;
const PREFIX = 1;

/** The lists of all routes. */
export class PathLists {
  /** The routes of list l: from `starts[l]` to `starts[l + 1]`. */
  readonly candidates: Int32Array;
  readonly starts: Int32Array;
  /** The tokens of the longest path; no longer one needs to be read. */
  readonly longest: number;
  /** The most segments of a prefix. */
  readonly deepest: number;
  readonly #depths: Int32Array;
  readonly #slots: HashSlots;
  /** Of the lists that have a path of their own, which come first: level, kind, and path as tokens. */
  readonly #levels: Int32Array;
  readonly #kinds: Uint8Array;
  readonly #paths: readonly string[];

  /** @param levelsOf the host levels of a route */
  constructor(routes: readonly SiteRoute[], levelCount: number, levelsOf: (route: SiteRoute) => readonly number[]) {
    const byKey = new Map<string, PathList>();
    const root = Array.from({ length: levelCount }, (): number[] => []);
    const pathless = Array.from({ length: levelCount }, (): number[] => []);
    this.#depths = new Int32Array(levelCount);
    for (const [index, route] of routes.entries()) {
      const { path } = route.match;
      for (const level of levelsOf(route)) {
        // The root as a prefix fits every path, as no path does; only the latter also fits `*`.
        if (path === null) pathless[level]?.push(index);
        if (path === null || (path.kind === 'prefix' && path.value === '/')) {
          root[level]?.push(index);
          continue;
        }
        const kind = path.kind === 'exact' ? EXACT : PREFIX;
        const tokens = tokensOf(path.value, PATH_ENDS);
        const key = `${level} ${kind} ${tokens}`;
        const list = byKey.get(key) ?? { level, kind, tokens, routes: [] };
        list.routes.push(index);
        byKey.set(key, list);
        if (kind === PREFIX) this.#depths[level] = Math.max(this.#depths[level] as number, tokens.split('/').length - 1);
      }
    }
    const own = [...byKey.values()];
    this.#levels = Int32Array.from(own, ({ level }) => level);
    this.#kinds = Uint8Array.from(own, ({ kind }) => kind);
    this.#paths = own.map(({ tokens }) => tokens);
    this.#slots = new HashSlots(own.map(({ level, kind, tokens }) => keyHash(hashOf(tokens), 2 * level + kind)));
    this.longest = own.reduce((longest, { tokens }) => Math.max(longest, tokens.length), 0);
    this.deepest = this.#depths.reduce((deepest, depth) => Math.max(deepest, depth), 0);
    const lists = [...own.map((list) => list.routes), ...root, ...pathless];
    this.candidates = Int32Array.from(lists.flatMap((list) => inOrder(list, routes)));
    this.starts = new Int32Array(lists.length + 1);
    for (const [i, { length }] of lists.entries()) this.starts[i + 1] = (this.starts[i] as number) + length;
  }

  /** The most segments of a prefix at this level. */
  depth(level: number): number {
    return this.#depths[level] as number;
  }

  /** The list of this path; -1 without one. @param hash of the target's tokens up to `end` */
  exact(level: number, hash: number, target: string, end: number): number {
    return this.#find(level, EXACT, hash, target, end);
  }

  /** The list of this prefix; -1 without one. */
  prefix(level: number, hash: number, target: string, end: number): number {
    return this.#find(level, PREFIX, hash, target, end);
  }

  /** The list of routes that fit every path. */
  root(level: number): number {
    return this.#paths.length + level;
  }

  /** The list of routes that also fit `*`. */
  pathless(level: number): number {
    return this.#paths.length + this.#depths.length + level;
  }

  #find(level: number, kind: number, textHash: number, target: string, end: number): number {
    const slots = this.#slots;
    const hash = keyHash(textHash, 2 * level + kind);
    for (let at = slots.first(hash); ; at = slots.after(at)) {
      const entry = slots.entryAt(at);
      if (entry < 0) return -1;
      if (
        slots.hasHash(at, hash) &&
        this.#levels[entry] === level &&
        this.#kinds[entry] === kind &&
        hasTokens(target, 0, end, this.#paths[entry] as string)
      )
        return entry;
    }
  }
}

interface PathList {
  readonly level: number;
  readonly kind: number;
  readonly tokens: string;
  readonly routes: number[];
}

/** Routes of equal host and path, in order of precedence. */
function inOrder(list: readonly number[], routes: readonly SiteRoute[]): readonly number[] {
  if (list.length < 2) return list;
  const rank = (index: number): number[] => {
    const { methods, headers, query } = (routes[index] as SiteRoute).match;
    return [methods.length > 0 ? 1 : 0, headers.length, query.length, -index];
  };
  return list
    .map((index) => ({ index, ranks: rank(index) }))
    .toSorted((a, b) => {
      const at = a.ranks.findIndex((value, i) => value !== b.ranks[i]);
      return at < 0 ? 0 : (b.ranks[at] as number) - (a.ranks[at] as number);
    })
    .map(({ index }) => index);
}
