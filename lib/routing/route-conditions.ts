// What routes ask of header fields and of the query: each distinct condition has a number. The lines of a request are
// read at most once, whatever the number of routes, and mark the conditions that they meet: so the cost of a request is
// bounded by its size plus the number of routes that come into question.

import type { NameValue, SiteRoute } from '../site-model.js';
import { EMPTY_HASH, HashSlots, hashOf, hashWith, keyHash } from './hash-slots.js';
import { hasTokens, latin1Of, tokenAt, tokensOf } from './target-tokens.js';

const EQUALS = 0x3d;
const AMPERSAND = 0x26;

/** Marks are numbered up to here and then begin again; a small integer in every build of V8. */
const LAST_MARK = 2 ** 30 - 1;

/** The conditions of all routes. */
export class RouteConditions {
  /** The conditions of route r: from `starts[r]` to `starts[r + 1]` in `#all`, headers first. */
  readonly #starts: Int32Array;
  readonly #queryStarts: Int32Array;
  readonly #all: Int32Array;
  /** Header names in lower case, and by length whether there is one. */
  readonly #names: readonly string[];
  readonly #mayBeName: Uint8Array;
  readonly #nameSlots: HashSlots;
  /** Per header condition: its name's index, and its value. */
  readonly #valueNames: Int32Array;
  readonly #values: readonly string[];
  readonly #valueSlots: HashSlots;
  readonly #longestValue: number;
  /** Per condition on the query: the tokens of `name=value`. */
  readonly #pairs: readonly string[];
  readonly #pairSlots: HashSlots;
  /** Per condition: the mark of the last request that met it. */
  readonly #metHeader: Int32Array;
  readonly #metQuery: Int32Array;
  #mark = 0;
  #areHeadersRead = false;
  #isQueryRead = false;

  constructor(routes: readonly SiteRoute[]) {
    const names = new Numbers();
    const headers = new Numbers();
    const valueNames: number[] = [];
    const values: string[] = [];
    const pairs = new Numbers();
    const all: number[] = [];
    this.#starts = new Int32Array(routes.length + 1);
    this.#queryStarts = new Int32Array(routes.length);
    for (const [index, { match }] of routes.entries()) {
      for (const { name, value } of match.headers) {
        const nameIndex = names.of(name);
        const text = latin1Of(value);
        const number = headers.of(`${name}:${text}`);
        valueNames[number] = nameIndex;
        values[number] = text;
        all.push(number);
      }
      this.#queryStarts[index] = all.length;
      for (const pair of match.query) all.push(pairs.of(pairTokens(pair)));
      this.#starts[index + 1] = all.length;
    }
    this.#all = Int32Array.from(all);
    this.#names = names.texts;
    this.#mayBeName = new Uint8Array(names.texts.reduce((longest, { length }) => Math.max(longest, length), 0) + 1);
    for (const { length } of names.texts) this.#mayBeName[length] = 1;
    this.#nameSlots = new HashSlots(names.texts.map((name) => hashOf(name)));
    this.#valueNames = Int32Array.from(valueNames);
    this.#values = values;
    this.#valueSlots = new HashSlots(values.map((value, i) => keyHash(hashOf(value), valueNames[i] as number)));
    this.#longestValue = values.reduce((longest, { length }) => Math.max(longest, length), 0);
    this.#pairs = pairs.texts;
    this.#pairSlots = new HashSlots(pairs.texts.map((pair) => hashOf(pair)));
    this.#metHeader = new Int32Array(values.length);
    this.#metQuery = new Int32Array(pairs.texts.length);
  }

  /** Begins with another request: nothing of it has been read. */
  begin(): void {
    if (this.#mark === LAST_MARK) {
      this.#mark = 0;
      this.#metHeader.fill(0);
      this.#metQuery.fill(0);
    }
    this.#mark++;
    this.#areHeadersRead = false;
    this.#isQueryRead = false;
  }

  /** Whether the request that was begun with meets all conditions of a route. */
  areMet(route: number, headers: readonly string[], target: string): boolean {
    const middle = this.#queryStarts[route] as number;
    const end = this.#starts[route + 1] as number;
    let i = this.#starts[route] as number;
    if (i === end) return true;
    if (i < middle && !this.#areHeadersRead) this.#readHeaders(headers);
    for (; i < middle; i++) {
      if (this.#metHeader[this.#all[i] as number] !== this.#mark) return false;
    }
    if (i < end && !this.#isQueryRead) this.#readQuery(target);
    for (; i < end; i++) {
      if (this.#metQuery[this.#all[i] as number] !== this.#mark) return false;
    }
    return true;
  }

  #readHeaders(headers: readonly string[]): void {
    this.#areHeadersRead = true;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (name.length >= this.#mayBeName.length || this.#mayBeName[name.length] === 0) continue;
      const value = headers[i + 1] as string;
      if (value.length > this.#longestValue) continue;
      const nameIndex = this.#nameIndexOf(name);
      if (nameIndex >= 0) this.#markValue(nameIndex, value);
    }
  }

  #nameIndexOf(name: string): number {
    let hash = EMPTY_HASH;
    for (let i = 0; i < name.length; i++) hash = hashWith(hash, folded(name.charCodeAt(i)));
    const slots = this.#nameSlots;
    for (let at = slots.first(hash); ; at = slots.after(at)) {
      const entry = slots.entryAt(at);
      if (entry < 0 || (slots.hasHash(at, hash) && isSameFolded(this.#names[entry] as string, name))) return entry;
    }
  }

  #markValue(nameIndex: number, value: string): void {
    const hash = keyHash(hashOf(value), nameIndex);
    const slots = this.#valueSlots;
    for (let at = slots.first(hash); ; at = slots.after(at)) {
      const entry = slots.entryAt(at);
      if (entry < 0) return;
      if (slots.hasHash(at, hash) && this.#valueNames[entry] === nameIndex && this.#values[entry] === value) {
        this.#metHeader[entry] = this.#mark;
        return;
      }
    }
  }

  #readQuery(target: string): void {
    this.#isQueryRead = true;
    const fragment = target.indexOf('#');
    const length = fragment < 0 ? target.length : fragment;
    let i = target.indexOf('?') + 1;
    if (i === 0) return;
    while (i < length) {
      const start = i;
      let hash = EMPTY_HASH;
      let hasValue = false;
      while (i < length) {
        const code = target.charCodeAt(i);
        if (code === AMPERSAND) break;
        if (code === EQUALS) hasValue = true;
        const packed = tokenAt(target, i);
        hash = hashWith(hash, packed >> 2);
        i += packed & 3;
      }
      // A name alone has an empty value.
      this.#markPair(hasValue ? hash : hashWith(hash, EQUALS), target, start, i, hasValue);
      i++;
    }
  }

  #markPair(hash: number, target: string, start: number, end: number, hasValue: boolean): void {
    const slots = this.#pairSlots;
    for (let at = slots.first(hash); ; at = slots.after(at)) {
      const entry = slots.entryAt(at);
      if (entry < 0) return;
      if (slots.hasHash(at, hash) && isPair(this.#pairs[entry] as string, target, start, end, hasValue)) {
        this.#metQuery[entry] = this.#mark;
        return;
      }
    }
  }
}

/** Numbers texts in the order in which they first come. */
class Numbers {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

function pairTokens({ name, value }: NameValue): string {
  return `${tokensOf(name, '=&#')}=${tokensOf(value, '&#')}`;
}

function isPair(pair: string, target: string, start: number, end: number, hasValue: boolean): boolean {
  if (hasValue) return hasTokens(target, start, end, pair);
  const last = pair.length - 1;
  return pair.charCodeAt(last) === EQUALS && hasTokens(target, start, end, pair, last);
}

function folded(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
}

function isSameFolded(lower: string, name: string): boolean {
  if (lower.length !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    if (lower.charCodeAt(i) !== folded(name.charCodeAt(i))) return false;
  }
  return true;
}
