// Looks for fields that no message may have (RFC 9113, section 8.2.1) in a header block before it is decoded. nghttp2
// leaves such fields out and serves the rest; a message that has one is malformed as a whole. Only literals are looked at:
// what a block takes from the tables was a literal before, or is one of the protocol's own. Pure.

import { TOKEN_CHARS, VALUE_CHARS } from './grammar.js';
import { END_OF_STRING, NEXT_NODE, NO_SYMBOL, SYMBOL } from './hpack-huffman.js';

/** What was found; `kept`: a bad field that has entered the dynamic table, where later blocks can refer to it. */
export type BlockVerdict = 'good' | 'bad' | 'kept';

const tableOf = (allowed: RegExp): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, code) => Number(allowed.test(String.fromCharCode(code))));

const NAME_BYTES = tableOf(new RegExp(`^(?![A-Z])[${TOKEN_CHARS}]$`));
const VALUE_BYTES = tableOf(new RegExp(`^[${VALUE_CHARS}]$`));

const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

/** A longer integer is none that a block of a few KiB can have: nghttp2 refuses it. */
const MAX_INTEGER = 2 ** 24;

/** Scans one block. */
class Scan {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  run(): BlockVerdict {
    let verdict: BlockVerdict = 'good';
    while (this.#at < this.#end) {
      const first = this.#bytes[this.#at] as number;
      // From a table, or a new size of it.
      if ((first & 0x80) !== 0) this.#integer(0x7f);
      else if ((first & 0xe0) === 0x20) this.#integer(0x1f);
      else {
        const isKept = (first & 0x40) !== 0;
        const isNamed = this.#integer(isKept ? 0x3f : 0x0f) > 0;
        const isGood = (isNamed || this.#string(true)) && this.#string(false);
        if (isGood) continue;
        if (isKept) return 'kept';
        verdict = 'bad';
      }
    }
    return verdict;
  }

  /** An integer (RFC 7541, section 5.1); one that is cut off or too long ends the scan: nghttp2 ends such a connection. */
  #integer(prefix: number): number {
    let value = (this.#bytes[this.#at++] as number) & prefix;
    if (value < prefix) return value;
    for (let factor = 1; this.#at < this.#end && value < MAX_INTEGER; factor *= 128) {
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    this.#at = this.#end;
    return 0;
  }

  /** Whether a string (section 5.2) is a name or a value; the scan goes on behind it. */
  #string(isName: boolean): boolean {
    if (this.#at >= this.#end) return true;
    const isCoded = ((this.#bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) {
      this.#at = this.#end;
      return true;
    }
    this.#at = end;
    return isCoded ? this.#isGoodCoded(start, end, isName) : this.#isGoodPlain(start, end, isName);
  }

  #isGoodPlain(start: number, end: number, isName: boolean): boolean {
    const bytes = this.#bytes;
    if (start === end) return !isName;
    const first = bytes[start] as number;
    if (!isName && (isBlank(first) || isBlank(bytes[end - 1] as number))) return false;
    const allowed = isName ? NAME_BYTES : VALUE_BYTES;
    for (let i = isName && first === COLON ? start + 1 : start; i < end; i++) if (allowed[bytes[i] as number] === 0) return false;
    return true;
  }

  #isGoodCoded(start: number, end: number, isName: boolean): boolean {
    const bytes = this.#bytes;
    const allowed = isName ? NAME_BYTES : VALUE_BYTES;
    let node = 0;
    let first = NO_SYMBOL;
    let last = NO_SYMBOL;
    for (let nibble = 2 * start; nibble < 2 * end; nibble++) {
      const byte = bytes[nibble >> 1] as number;
      const at = (node << 4) | ((nibble & 1) === 0 ? byte >> 4 : byte & 0x0f);
      const symbol = SYMBOL[at] as number;
      node = NEXT_NODE[at] as number;
      if (symbol === NO_SYMBOL) continue;
      if (symbol === END_OF_STRING || (allowed[symbol] === 0 && !(isName && symbol === COLON && first === NO_SYMBOL))) return false;
      if (first === NO_SYMBOL) first = symbol;
      last = symbol;
    }
    return isName ? first !== NO_SYMBOL : !isBlank(first) && !isBlank(last);
  }
}

const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** Scans a header block that is complete. */
export function scanBlock(bytes: Uint8Array, start: number, end: number): BlockVerdict {
  return new Scan(bytes, start, end).run();
}
