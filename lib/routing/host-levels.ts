// The host names of all routes, and for the name in a request the levels that fit it, the most specific first: its own
// name, then the wildcards from the longest on, then the routes without a host (Gateway API, HTTPRoute.hostnames).
// A look-up reads the name from its end, so that every suffix's hash comes for free, and builds no string.

import { EMPTY_HASH, HashSlots, hashWith, keyHash } from './hash-slots.js';

/** The level of routes without a host. */
export const ANY_HOST = 0;

const EXACT = 0;
const WILDCARD = 1;

const DOT = 0x2e;
const BRACKET = 0x5b;

/** All levels of a site. */
export class HostLevels {
  /** How many levels there are. */
  readonly count: number;
  /** The levels of the last look-up, from the position that it returned to the end. */
  readonly found: Int32Array;
  readonly #names: readonly string[];
  readonly #kinds: Uint8Array;
  readonly #slots: HashSlots;
  readonly #longest: number;

  /** @param patterns names in lower case, or `*.` and a name; each once. The level of a pattern is its index plus one. */
  constructor(patterns: readonly string[]) {
    this.count = patterns.length + 1;
    const isWildcard = patterns.map((pattern) => pattern.startsWith('*.'));
    this.#names = patterns.map((pattern, i) => (isWildcard[i] === true ? pattern.slice(2) : pattern));
    this.#kinds = Uint8Array.from(isWildcard, Number);
    this.#slots = new HashSlots(this.#names.map((name, i) => keyHash(hashBackwards(name), this.#kinds[i] as number)));
    this.#longest = largestOf(this.#names.map(({ length }) => length));
    // A name may fit one wildcard for each number of labels, besides its own level and the last.
    const labels = this.#names.map((name, i) => (isWildcard[i] === true ? name.split('.').length : 0));
    this.found = new Int32Array(largestOf(labels) + 2);
  }

  /**
   * Finds the levels of a name; returns where they begin in `found`. The last one is always ANY_HOST.
   * @param authority as received: in any letter case, with or without a port and one dot at the end; undefined: none
   */
  find(authority: string | undefined): number {
    const { found } = this;
    let first = found.length - 1;
    found[first] = ANY_HOST;
    if (authority === undefined || this.count === 1) return first;
    const end = nameEnd(authority);
    const longest = this.#longest;
    let hash = EMPTY_HASH;
    let at = end - 1;
    for (; at >= 0 && end - at <= longest + 1; at--) {
      const code = folded(authority.charCodeAt(at));
      // At least one character must stand in for the asterisk.
      if (code === DOT && at > 0) {
        const level = this.#levelOf(hash, WILDCARD, authority, at + 1, end);
        if (level > 0) found[--first] = level;
      }
      hash = hashWith(hash, code);
    }
    if (at < 0) {
      const level = this.#levelOf(hash, EXACT, authority, 0, end);
      if (level > 0) found[--first] = level;
    }
    return first;
  }

  #levelOf(textHash: number, kind: number, authority: string, start: number, end: number): number {
    const slots = this.#slots;
    const hash = keyHash(textHash, kind);
    for (let at = slots.first(hash); ; at = slots.after(at)) {
      const entry = slots.entryAt(at);
      if (entry < 0) return -1;
      if (slots.hasHash(at, hash) && this.#kinds[entry] === kind && isSameName(this.#names[entry] as string, authority, start, end))
        return entry + 1;
    }
  }
}

/** Where the name ends: before the port and one dot. */
function nameEnd(authority: string): number {
  let end = authority.length;
  if (authority.charCodeAt(0) === BRACKET) {
    const bracket = authority.indexOf(']');
    return bracket < 0 ? end : bracket + 1;
  }
  const colon = authority.lastIndexOf(':');
  if (colon >= 0) end = colon;
  return end > 1 && authority.charCodeAt(end - 1) === DOT ? end - 1 : end;
}

/** The largest number; 0 without any. There may be more than a call takes arguments. */
function largestOf(numbers: readonly number[]): number {
  return numbers.reduce((largest, number) => Math.max(largest, number), 0);
}

function folded(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
}

function hashBackwards(name: string): number {
  let hash = EMPTY_HASH;
  for (let i = name.length - 1; i >= 0; i--) hash = hashWith(hash, name.charCodeAt(i));
  return hash;
}

function isSameName(name: string, authority: string, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) {
    if (name.charCodeAt(i) !== folded(authority.charCodeAt(start + i))) return false;
  }
  return true;
}
