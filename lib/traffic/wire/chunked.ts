// An incremental parser of the chunked coding (RFC 9112, section 7.1), used for both sides. Anything that two parsers
// could read differently (bare line feeds, odd sizes) is bad. Spaces after a size and within its extensions are allowed,
// since neither is passed on: the next hop gets newly framed chunks. Pure; keeps no bytes.

import { splitLines, TOKEN_CHARS, VALUE_CHARS } from './grammar.js';

/** What one step found. */
export type ChunkedStep =
  /** The element at the returned offset is incomplete: read it again, with more bytes appended. */
  | 'more'
  /** Framing was skipped. */
  | 'framing'
  /** Payload: from `dataStart` to the returned offset. */
  | 'data'
  /** The end of the body, trailers included. */
  | 'end'
  | 'bad'
  | 'bad-trailer'
  | 'too-long';

/** Longest size and extensions of a chunk, in bytes. */
const MAX_SIZE_LINE = 256;

/** Longest trailers, all together, in bytes. */
const MAX_TRAILERS = 8 << 10;

/** Bad whitespace, which has no meaning (RFC 9110, section 5.6.3). */
const BWS = '[\\t\\x20]*';
const QUOTED = '"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const EXTENSION = `;${BWS}[${TOKEN_CHARS}]+${BWS}(?:=${BWS}(?:[${TOKEN_CHARS}]+|${QUOTED})${BWS})?`;

/** Sizes may have leading zeros; up to 13 further digits are exact. */
const SIZE_LINE = new RegExp(`^(0*[0-9A-Fa-f]{1,13})${BWS}(?:${EXTENSION})*$`);
const PARTIAL_SIZE_LINE = /^0*[0-9A-Fa-f]{1,13}[\t\x20]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r?$/;
const TRAILERS = new RegExp(`^(?:[${TOKEN_CHARS}]+:[${VALUE_CHARS}]*\\r\\n)*\\r\\n$`);

const CR = 13;
const LF = 10;

/** Reads one chunked body. */
export class ChunkedReader {
  /** What the last step found. */
  step: ChunkedStep = 'framing';
  dataStart = 0;
  /** The trailers as a raw list, once the step is `end`. */
  trailers: readonly string[] = NONE;
  #phase: 'size' | 'data' | 'data-end' | 'trailers' = 'size';
  #left = 0;

  /** Prepares for the next body. */
  reset(): void {
    this.step = 'framing';
    this.trailers = NONE;
    this.#phase = 'size';
    this.#left = 0;
  }

  /** Reads one element at `offset`; returns the offset after it and sets `step`. */
  read(bytes: Buffer, offset: number): number {
    switch (this.#phase) {
      case 'size':
        return this.#readSize(bytes, offset);
      case 'data':
        return this.#readData(bytes, offset);
      case 'data-end':
        return this.#readDataEnd(bytes, offset);
      case 'trailers':
        return this.#readTrailers(bytes, offset);
    }
  }

  #readSize(bytes: Buffer, offset: number): number {
    const line = bytes.indexOf(LF, offset);
    const length = (line < 0 ? bytes.length : line) - offset;
    if (length > MAX_SIZE_LINE) return this.#is('too-long', offset);
    if (line < 0) return this.#isIncompleteSize(bytes, offset) ? this.#is('more', offset) : this.#is('bad', offset);
    if (bytes[line - 1] !== CR || line === offset) return this.#is('bad', offset);
    const match = SIZE_LINE.exec(bytes.toString('latin1', offset, line - 1));
    if (match === null) return this.#is('bad', offset);
    this.#left = Number.parseInt(match[1] as string, 16);
    this.#phase = this.#left === 0 ? 'trailers' : 'data';
    return this.#is('framing', line + 1);
  }

  /** Whether the bytes so far can still become a size line; endless garbage is refused at once. */
  #isIncompleteSize(bytes: Buffer, offset: number): boolean {
    return offset === bytes.length || PARTIAL_SIZE_LINE.test(bytes.toString('latin1', offset));
  }

  #readData(bytes: Buffer, offset: number): number {
    if (offset === bytes.length) return this.#is('more', offset);
    const end = Math.min(bytes.length, offset + this.#left);
    this.#left -= end - offset;
    if (this.#left === 0) this.#phase = 'data-end';
    this.dataStart = offset;
    return this.#is('data', end);
  }

  #readDataEnd(bytes: Buffer, offset: number): number {
    if (offset === bytes.length) return this.#is('more', offset);
    if (bytes[offset] !== CR) return this.#is('bad', offset);
    if (offset + 1 === bytes.length) return this.#is('more', offset);
    if (bytes[offset + 1] !== LF) return this.#is('bad', offset);
    this.#phase = 'size';
    return this.#is('framing', offset + 2);
  }

  #readTrailers(bytes: Buffer, offset: number): number {
    if (bytes[offset] === CR && bytes[offset + 1] === LF) return this.#is('end', offset + 2);
    const found = bytes.indexOf('\r\n\r\n', offset, 'latin1');
    const end = found < 0 ? bytes.length : found + 4;
    if (end - offset > MAX_TRAILERS) return this.#is('too-long', offset);
    const text = bytes.toString('latin1', offset, end);
    // With a bare line feed the end would never be found.
    if (found < 0) return this.#is(/(?:^|[^\r])\n|\r[^\n]/.test(text) ? 'bad-trailer' : 'more', offset);
    if (!TRAILERS.test(text)) return this.#is('bad-trailer', offset);
    this.trailers = splitLines(text, 0, text.length - 2);
    return this.#is('end', end);
  }

  #is(step: ChunkedStep, offset: number): number {
    this.step = step;
    return offset;
  }
}

const NONE: readonly string[] = [];

/** The size line of a chunk of `length` bytes; a CRLF must follow the payload. */
export function chunkHead(length: number): string {
  return `${length.toString(16)}\r\n`;
}

/** The end of a chunked body, with its trailers. */
export function chunkedEnd(trailers: readonly string[]): string {
  if (trailers.length === 0) return '0\r\n\r\n';
  let text = '0\r\n';
  for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
  return `${text}\r\n`;
}
