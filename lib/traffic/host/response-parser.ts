// Strict incremental parser of a host's bytes. It calls a sink for informational heads, the final head, parts of the
// body, and the end. An error ends the parsing, with a reason. Does no I/O.

import { whyBadHead } from '../wire/answer-reasons.js';
import { whyBadChunk } from '../wire/chunk-reasons.js';
import { ChunkedReader } from '../wire/chunked.js';
import { PartialBytes } from '../wire/partial-bytes.js';
import { boundReason } from '../wire/reason-text.js';
import { hasBrokenLine } from '../wire/request-head.js';
import { type ResponseHead, ResponseHeadReader } from '../wire/response-head.js';

/** Receives a host's answer; the calls come in this order, while `execute` or `finish` runs. */
export interface ResponseSink {
  /** A head with a status below 200: any number of times. */
  onInformational(head: ResponseHead): void;
  /** @param isBodyHere whether a part of the body follows within the same call */
  onHead(head: ResponseHead, isBodyHere: boolean): void;
  /**
   * A part of the body.
   * @param bytes valid until this call returns
   * @param isLast whether it completes a body with Content-Length
   */
  onBody(bytes: Buffer, isLast: boolean): void;
  /** The answer is complete. */
  onEnd(trailers: readonly string[]): void;
}

/** Maximum heads with a status below 200 in one answer. */
export const MAX_INFORMATIONAL = 20;

const HEAD_END = Buffer.from('\r\n\r\n');
const NO_TRAILERS: readonly string[] = [];

/** Parses the answers on one connection, one after the other. */
export class ResponseParser {
  readonly #maxHeadBytes: number;
  readonly #heads = new ResponseHeadReader();
  readonly #chunked = new ChunkedReader();
  #phase: 'head' | 'length' | 'chunked' | 'close' | 'done' = 'done';
  #isHeadRequest = false;
  #left = 0;
  #informational = 0;
  readonly #held = new PartialBytes();
  /** Bytes of an incomplete head that were searched without finding its end. */
  #looked = 0;
  #isSwitched = false;
  /** Why the answer is malformed, once `execute` has returned -1. */
  reason = '';

  /** @param maxHeadBytes a head longer than this is refused */
  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Prepares for the answer to the next request. */
  begin(method: string): void {
    this.#phase = 'head';
    this.#isHeadRequest = method === 'HEAD';
    this.#informational = 0;
    this.#held.drop();
    this.#looked = 0;
  }

  /** Whether an answer is expected or incomplete. */
  get isReading(): boolean {
    return this.#phase !== 'done';
  }

  /**
   * Parses a piece of input. Returns how many of its bytes belong to the answer (the rest follows its end), or -1 if the
   * answer is malformed.
   */
  execute(chunk: Buffer, sink: ResponseSink): number {
    const heldBytes = this.#held.length;
    const bytes = heldBytes === 0 ? chunk : this.#held.append(chunk);
    this.#isSwitched = false;
    let offset = 0;
    while (this.#phase !== 'done' && !this.#isSwitched) {
      const next = this.#step(bytes, offset, sink);
      if (next === WRONG) {
        this.reason = this.#whyWrong(bytes, offset);
        this.#held.drop();
        return WRONG;
      }
      if (next === MORE) {
        this.#held.keep(bytes, offset);
        return chunk.length;
      }
      if (next === ALL_TAKEN) {
        offset = bytes.length;
        break;
      }
      offset = next;
    }
    if (heldBytes > 0) this.#held.drop();
    return offset - heldBytes;
  }

  /** The connection has ended. Returns whether the answer is complete; calls `onEnd` if the connection's end delimits it. */
  finish(sink: ResponseSink): boolean {
    if (this.#phase === 'done') return true;
    if (this.#phase !== 'close') return false;
    this.#phase = 'done';
    sink.onEnd(NO_TRAILERS);
    return true;
  }

  /** The protocol was switched: the bytes after the present head are not HTTP. Called by the sink. */
  switchProtocol(): void {
    this.#isSwitched = true;
    this.#phase = 'done';
  }

  #step(bytes: Buffer, offset: number, sink: ResponseSink): number {
    switch (this.#phase) {
      case 'head':
        return this.#readHead(bytes, offset, sink);
      case 'length':
        return this.#readLength(bytes, offset, sink);
      case 'chunked':
        return this.#readChunked(bytes, offset, sink);
      case 'close':
        if (offset < bytes.length) sink.onBody(bytes.subarray(offset), false);
        return ALL_TAKEN;
      case 'done':
        return offset;
    }
  }

  #readHead(bytes: Buffer, offset: number, sink: ResponseSink): number {
    const found = bytes.indexOf(HEAD_END, offset + Math.max(0, this.#looked - 3));
    const end = found < 0 ? bytes.length : found + 4;
    if (end - offset > this.#maxHeadBytes) return WRONG;
    if (found < 0) return this.#checkPartial(bytes, offset);
    this.#looked = 0;
    const head = this.#heads.read(bytes.toString('latin1', offset, end), this.#isHeadRequest);
    if (head === undefined) return WRONG;
    if (head.status < 200) {
      if (++this.#informational > MAX_INFORMATIONAL) return WRONG;
      sink.onInformational(head);
      return end;
    }
    switch (head.framing) {
      case 'none':
        this.#phase = 'done';
        sink.onHead(head, false);
        sink.onEnd(NO_TRAILERS);
        return end;
      case 'length':
        this.#left = head.length;
        break;
      case 'chunked':
        this.#chunked.reset();
        break;
      case 'close':
        break;
    }
    this.#phase = head.framing;
    sink.onHead(head, end < bytes.length);
    return end;
  }

  /** Checks an incomplete head; its lines are checked once, however small the pieces. */
  #checkPartial(bytes: Buffer, offset: number): number {
    if (!canBecomeHead(bytes, offset)) return WRONG;
    // With a bare CR or LF the end would never be found.
    if (hasBrokenLine(bytes.toString('latin1', offset + Math.max(0, this.#looked - 2)))) return WRONG;
    this.#looked = bytes.length - offset;
    return MORE;
  }

  #whyWrong(bytes: Buffer, offset: number): string {
    const { step } = this.#chunked;
    const isChunk = this.#phase === 'chunked' && (step === 'bad' || step === 'bad-trailer' || step === 'too-long');
    return boundReason(isChunk ? whyBadChunk(step, bytes.toString('latin1', offset)) : whyBadHead(bytes, offset, this.#maxHeadBytes));
  }

  #readLength(bytes: Buffer, offset: number, sink: ResponseSink): number {
    if (offset === bytes.length) return MORE;
    const end = Math.min(bytes.length, offset + this.#left);
    this.#left -= end - offset;
    const isLast = this.#left === 0;
    if (isLast) this.#phase = 'done';
    sink.onBody(bytes.subarray(offset, end), isLast);
    if (isLast) sink.onEnd(NO_TRAILERS);
    return end;
  }

  #readChunked(bytes: Buffer, offset: number, sink: ResponseSink): number {
    const chunked = this.#chunked;
    const next = chunked.read(bytes, offset);
    switch (chunked.step) {
      case 'more':
        return MORE;
      case 'framing':
        return next;
      case 'data':
        sink.onBody(bytes.subarray(chunked.dataStart, next), false);
        return next;
      case 'end':
        this.#phase = 'done';
        sink.onEnd(chunked.trailers);
        return next;
      case 'bad':
      case 'bad-trailer':
      case 'too-long':
        return WRONG;
    }
  }
}

const WRONG = -1;
const MORE = -2;
/** Everything was consumed; nothing needs to be kept. */
const ALL_TAKEN = -3;

/** Whether the bytes so far can still become a head; endless garbage is refused at once. */
function canBecomeHead(bytes: Buffer, offset: number): boolean {
  const text = bytes.toString('latin1', offset, Math.min(bytes.length, offset + 13));
  return 'HTTP/1.'.startsWith(text.slice(0, 7)) && /^(?:.{0,7}|.{7}\d(?: (?:[1-9](?:\d(?:\d(?:[ \r].*)?)?)?)?)?)$/s.test(text);
}
