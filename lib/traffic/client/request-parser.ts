// Strict parser of a client's bytes: heads and bodies in turn. It stops at the first element that is refused. Nothing
// parses these bytes again. Pure.

import { ChunkedReader } from '../wire/chunked.js';
import { type Refusal, REFUSALS } from '../wire/refusals.js';
import { NO_NAMES, oddNamesOf, withoutOddNames } from '../wire/header-names.js';
import { hasBrokenLine, type HeadRules, isRefusal, type RequestHead, RequestHeadReader } from '../wire/request-head.js';
import { checkPartialLine } from '../wire/request-line.js';

/** What one step found. */
export type RequestStep =
  /** The element at the returned offset is incomplete: read it again, with more bytes appended. */
  | 'more'
  /** A head: it is in `head`. */
  | 'head'
  /** A part of the body: its payload is from `payloadStart` to the returned offset; none when they are equal. */
  | 'body'
  /** The end of the body, with its last payload as above; the next request begins at the returned offset. */
  | 'end'
  /** The element at the returned offset is refused: see `refusal`. */
  | 'refused';

const CR = 13;
const LF = 10;
const HEAD_END = Buffer.from('\r\n\r\n');

/** Reads the requests of one connection. */
export class RequestParser {
  step: RequestStep = 'more';
  head: RequestHead | undefined;
  refusal: Refusal | undefined;
  /** Payload bytes of the present body so far. */
  bodyBytes = 0;
  payloadStart = 0;
  /** Names of trailers of the last body that were dropped as odd. */
  droppedTrailers: readonly string[] = NO_NAMES;
  readonly #rules: HeadRules;
  readonly #heads: RequestHeadReader;
  readonly #chunked = new ChunkedReader();
  #phase: 'head' | 'length' | 'chunked' = 'head';
  #left = 0;
  /** Bytes of an incomplete head that were searched without finding its end. */
  #looked = 0;
  /** The request line of an incomplete head has been checked. */
  #isLineRead = false;
  /** Bytes of empty lines before the present head. */
  #emptyBytes = 0;
  #trailers: readonly string[] = [];

  constructor(rules: HeadRules) {
    this.#rules = rules;
    this.#heads = new RequestHeadReader(rules);
  }

  /** Whether the next byte belongs to a head. */
  get isBetween(): boolean {
    return this.#phase === 'head';
  }

  /** The trailers of the last body, as a raw list. */
  get trailers(): readonly string[] {
    return this.head?.framing === 'chunked' ? this.#trailers : [];
  }

  /** Reads one element at `offset`; returns the offset after it and sets `step`. */
  read(bytes: Buffer, offset: number): number {
    switch (this.#phase) {
      case 'head':
        return this.#readHead(bytes, offset);
      case 'length':
        return this.#readLength(bytes, offset);
      case 'chunked':
        return this.#readChunked(bytes, offset);
    }
  }

  #readHead(bytes: Buffer, start: number): number {
    let offset = start;
    if (offset === bytes.length) return this.#is('more', offset);
    // Empty lines before a request are skipped (RFC 9112, section 2.2), up to the maximum size of a head.
    while (bytes[offset] === CR) {
      if (offset + 1 === bytes.length) return this.#is('more', offset);
      if (bytes[offset + 1] !== LF) return this.#refuse(REFUSALS.requestLine, offset);
      this.#emptyBytes += 2;
      if (this.#emptyBytes > this.#rules.maxHeaderSize) return this.#refuse(REFUSALS.headSize, offset);
      offset += 2;
      if (offset === bytes.length) return this.#is('more', offset);
    }
    const found = bytes.indexOf(HEAD_END, offset + Math.max(0, this.#looked - 3));
    if (found < 0) {
      const refusal = this.#checkPartial(bytes, offset);
      return refusal === undefined ? this.#is('more', offset) : this.#refuse(refusal, offset);
    }
    this.#looked = 0;
    this.#isLineRead = false;
    this.#emptyBytes = 0;
    const end = found + 4;
    // Of a head that is too long, only enough is decoded to refuse it.
    const head = this.#heads.read(bytes.toString('latin1', offset, Math.min(end, offset + this.#rules.maxHeaderSize + 1)));
    if (isRefusal(head)) return this.#refuse(head, offset);
    this.head = head;
    this.bodyBytes = 0;
    if (head.framing === 'length') {
      this.#phase = 'length';
      this.#left = head.length;
    } else if (head.framing === 'chunked') {
      this.#phase = 'chunked';
      this.#chunked.reset();
    }
    return this.#is('head', end);
  }

  /** Checks an incomplete head. After its first line each byte is checked once, however small the pieces. */
  #checkPartial(bytes: Buffer, offset: number): Refusal | undefined {
    const size = bytes.length - offset;
    const end = Math.min(bytes.length, offset + this.#rules.maxHeaderSize + 1);
    if (!this.#isLineRead || size > this.#rules.maxHeaderSize) {
      const text = bytes.toString('latin1', offset, end);
      const refusal = checkPartialLine(text, this.#rules);
      if (refusal !== undefined) return refusal;
      this.#isLineRead = text.includes('\n');
    }
    if (size > this.#rules.maxHeaderSize) return REFUSALS.headSize;
    if (hasBrokenLine(bytes.toString('latin1', offset + Math.max(0, this.#looked - 2), end))) return REFUSALS.headerLine;
    this.#looked = size;
    return undefined;
  }

  #readLength(bytes: Buffer, offset: number): number {
    if (offset === bytes.length) return this.#is('more', offset);
    const taken = Math.min(this.#left, bytes.length - offset);
    this.payloadStart = offset;
    this.#left -= taken;
    this.bodyBytes += taken;
    if (this.#left > 0) return this.#is('body', offset + taken);
    this.#phase = 'head';
    return this.#is('end', offset + taken);
  }

  #readChunked(bytes: Buffer, offset: number): number {
    const chunked = this.#chunked;
    const next = chunked.read(bytes, offset);
    switch (chunked.step) {
      case 'more':
        return this.#is('more', next);
      case 'data':
        this.bodyBytes += next - chunked.dataStart;
        if (this.#rules.maxBodySize > 0 && this.bodyBytes > this.#rules.maxBodySize) return this.#refuse(REFUSALS.bodySize, offset);
        this.payloadStart = chunked.dataStart;
        return this.#is('body', next);
      case 'framing':
        this.payloadStart = next;
        return this.#is('body', next);
      case 'end':
        this.#trailers = chunked.trailers;
        this.droppedTrailers = this.#rules.oddNames === 'pass' ? NO_NAMES : oddNamesOf(chunked.trailers);
        if (this.droppedTrailers.length > 0) {
          if (this.#rules.oddNames === 'refuse') return this.#refuse(REFUSALS.trailer, offset);
          this.#trailers = withoutOddNames(chunked.trailers);
        }
        this.#phase = 'head';
        this.payloadStart = next;
        return this.#is('end', next);
      case 'bad':
        return this.#refuse(REFUSALS.chunk, next);
      case 'bad-trailer':
        return this.#refuse(REFUSALS.trailer, next);
      case 'too-long':
        return this.#refuse(REFUSALS.chunkSize, next);
    }
  }

  #is(step: RequestStep, offset: number): number {
    this.step = step;
    return offset;
  }

  #refuse(refusal: Refusal, offset: number): number {
    this.refusal = refusal;
    return this.#is('refused', offset);
  }
}
