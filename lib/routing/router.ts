// The router: finds the route of a request, by the precedence of the Kubernetes Gateway API over all routes: exact host,
// longest wildcard, no host; exact path, longest prefix; a method; more headers; more query parameters; order in the
// document. Compiled once per site and never changed. A look-up allocates nothing; its cost is bounded by the request's
// size plus the number of routes that share the host and path that fit.

import type { Site } from '../site-model.js';
import { ANY_HOST, HostLevels } from './host-levels.js';
import { EMPTY_HASH, hashWith } from './hash-slots.js';
import { PathLists } from './path-lists.js';
import { RouteConditions } from './route-conditions.js';
import { isAmbiguousPath } from './strict-path.js';
import { tokenAt } from './target-tokens.js';

/** No route fits. */
export const NO_ROUTE = -1;

/** With `paths: strict`: the path is one that a host might read differently; the answer is 400. */
export const REFUSED_PATH = -2;

/** What a router reads of a request; a request's head has it all. */
export interface RoutableRequest {
  readonly method: string;
  /** In origin form or `*`; latin1. */
  readonly target: string;
  /** The authority as received; undefined: none. */
  readonly host: string | undefined;
  /** Name, value, name, value, … as received; latin1. */
  readonly headers: readonly string[];
}

/** Finds routes. */
export interface Router {
  /** The index of the request's route in the site; NO_ROUTE, or REFUSED_PATH. @param scheme by which the client came */
  find(request: RoutableRequest, scheme: 'http' | 'https'): number;
}

/** Compiles the routes of a site. */
export function compileRouter(site: Pick<Site, 'routes' | 'paths'>): Router {
  return new CompiledRouter(site);
}

const SLASH = 0x2f;
const QUESTION_MARK = 0x3f;
const HASH_SIGN = 0x23;

class CompiledRouter implements Router {
  readonly #isStrict: boolean;
  readonly #levels: HostLevels;
  readonly #lists: PathLists;
  readonly #conditions: RouteConditions;
  /** Per route: the scheme it asks for, or null. */
  readonly #schemes: readonly ('http' | 'https' | null)[];
  readonly #methods: MethodSets;
  /** Of the present path, for each of its first segments: where it ends, and the hash and number of tokens up to there. */
  readonly #ends: Int32Array;
  readonly #hashes: Int32Array;
  /** The whole path, if it is not longer than every path of the site; else an end of -1. */
  #pathEnd = -1;
  #pathHash = 0;

  constructor({ routes, paths }: Pick<Site, 'routes' | 'paths'>) {
    this.#isStrict = paths === 'strict';
    const patterns = [...new Set(routes.flatMap(({ match }) => match.hosts))];
    this.#levels = new HostLevels(patterns);
    const levelOf = new Map(patterns.map((pattern, i) => [pattern, i + 1]));
    this.#lists = new PathLists(routes, this.#levels.count, ({ match }) =>
      match.hosts.length === 0 ? [ANY_HOST] : [...new Set(match.hosts)].map((host) => levelOf.get(host) as number),
    );
    this.#conditions = new RouteConditions(routes);
    this.#schemes = routes.map(({ match }) => match.scheme);
    this.#methods = new MethodSets(routes.map(({ match }) => match.methods));
    this.#ends = new Int32Array(this.#lists.deepest + 1);
    this.#hashes = new Int32Array(this.#lists.deepest + 1);
  }

  find(request: RoutableRequest, scheme: 'http' | 'https'): number {
    const { target } = request;
    if (this.#isStrict && isAmbiguousPath(target)) return REFUSED_PATH;
    const levels = this.#levels.found;
    const first = this.#levels.find(request.host);
    const method = this.#methods.numberOf(request.method);
    const isPath = target.charCodeAt(0) === SLASH;
    const segments = isPath ? this.#readPath(target) : 0;
    this.#conditions.begin();
    for (let i = first; i < levels.length; i++) {
      const level = levels[i] as number;
      const route = isPath
        ? this.#findAt(level, segments, request, scheme, method)
        : this.#firstFit(this.#lists.pathless(level), request, scheme, method);
      if (route >= 0) return route;
    }
    return NO_ROUTE;
  }

  /** The route at one level of host names. */
  #findAt(level: number, segments: number, request: RoutableRequest, scheme: 'http' | 'https', method: number): number {
    const lists = this.#lists;
    const { target } = request;
    if (this.#pathEnd >= 0) {
      const list = lists.exact(level, this.#pathHash, target, this.#pathEnd);
      const route = list < 0 ? NO_ROUTE : this.#firstFit(list, request, scheme, method);
      if (route >= 0) return route;
    }
    for (let i = Math.min(segments, lists.depth(level)); i > 0; i--) {
      const list = lists.prefix(level, this.#hashes[i] as number, target, this.#ends[i] as number);
      const route = list < 0 ? NO_ROUTE : this.#firstFit(list, request, scheme, method);
      if (route >= 0) return route;
    }
    return this.#firstFit(lists.root(level), request, scheme, method);
  }

  /** The first route of a list of equal host and path that fits; the list is in order of precedence. */
  #firstFit(list: number, request: RoutableRequest, scheme: 'http' | 'https', method: number): number {
    const { candidates, starts } = this.#lists;
    const end = starts[list + 1] as number;
    for (let i = starts[list] as number; i < end; i++) {
      const route = candidates[i] as number;
      const wanted = this.#schemes[route] as 'http' | 'https' | null;
      if (wanted !== null && wanted !== scheme) continue;
      if (this.#methods.has(route, method) && this.#conditions.areMet(route, request.headers, request.target)) return route;
    }
    return NO_ROUTE;
  }

  /**
   * Reads the path as far as any path of the site is long; returns the number of whole segments that may be a prefix.
   * Of `/a/b/` these are `/a`, `/a/b` and the whole.
   */
  #readPath(target: string): number {
    const { longest, deepest } = this.#lists;
    const { length } = target;
    this.#pathEnd = -1;
    let hash = hashWith(EMPTY_HASH, SLASH);
    let segments = 0;
    let size = 1;
    let i = 1;
    for (; i < length && size <= longest; size++) {
      const code = target.charCodeAt(i);
      if (code === QUESTION_MARK || code === HASH_SIGN) break;
      if (code === SLASH && segments < deepest) {
        segments++;
        this.#ends[segments] = i;
        this.#hashes[segments] = hash;
      }
      const packed = tokenAt(target, i);
      hash = hashWith(hash, packed >> 2);
      i += packed & 3;
    }
    if (size > longest) return segments;
    this.#pathEnd = i;
    this.#pathHash = hash;
    if (segments < deepest) {
      segments++;
      this.#ends[segments] = i;
      this.#hashes[segments] = hash;
    }
    return segments;
  }
}

/** The methods that routes ask for: a bit for each route and distinct method. */
class MethodSets {
  readonly #numbers = new Map<string, number>();
  /** Words per route: bit 0 stands for all methods that no route names. */
  readonly #words: number;
  readonly #bits: Int32Array;

  constructor(methodsOfRoutes: readonly (readonly string[])[]) {
    for (const method of methodsOfRoutes.flat()) {
      if (!this.#numbers.has(method)) this.#numbers.set(method, this.#numbers.size + 1);
    }
    this.#words = (this.#numbers.size >> 5) + 1;
    this.#bits = new Int32Array(methodsOfRoutes.length * this.#words);
    for (const [route, methods] of methodsOfRoutes.entries()) {
      const from = route * this.#words;
      if (methods.length === 0) this.#bits.fill(-1, from, from + this.#words);
      for (const method of methods) {
        const number = this.numberOf(method);
        const word = from + (number >> 5);
        this.#bits[word] = (this.#bits[word] as number) | (1 << (number & 31));
      }
    }
  }

  numberOf(method: string): number {
    return this.#numbers.get(method) ?? 0;
  }

  has(route: number, number: number): boolean {
    return (((this.#bits[route * this.#words + (number >> 5)] as number) >>> (number & 31)) & 1) === 1;
  }
}
