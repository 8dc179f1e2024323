// A host's bytes, read strictly and piece by piece, and told to a sink as they come: informational heads, the
// head, parts of the body, the end. What is wrong ends the reading with a reason. Does no I/O.

import { whyBadHead } from '../wire/answer-reasons.js';
import { whyBadChunk } from '../wire/chunk-reasons.js';
import { ChunkedReader } from '../wire/chunked.js';
import { PartialBytes } from '../wire/partial-bytes.js';
import { boundReason } from '../wire/reason-text.js';
import { hasBrokenLine } from '../wire/request-head.js';
import { type ResponseHead, ResponseHeadReader } from '../wire/response-head.js';

/** Receives what a host answers; calls come in this order, while `execute` or `finish` runs. */
export interface ResponseSink {
  /** A head with a status below 200: any number of times. */
  onInformational(head: ResponseHead): void;
  /** @param isBodyHere whether a part of the body follows within the same call */
  onHead(head: ResponseHead, isBodyHere: boolean): void;
  /**
   * A part of the body.
   * @param bytes valid until this call returns
   * @param isLast whether the body is whole with it, as its length said
   */
  onBody(bytes: Buffer, isLast: boolean): void;
  /** The answer is whole. */
  onEnd(trailers: readonly string[]): void;
}

/** More heads with a status below 200 than this are a fault. */
const MAX_INFORMATIONAL = 20;

const HEAD_END = Buffer.from('\r\n\r\n');
const NO_TRAILERS: readonly string[] = [];

/** Reads the answers on one connection, one after the other. */
export class ResponseParser {
  readonly #maxHeadBytes: number;
  readonly #heads = new ResponseHeadReader();
  readonly #chunked = new ChunkedReader();
  #phase: 'head' | 'length' | 'chunked' | 'close' | 'done' = 'done';
  #isHeadRequest = false;
  #left = 0;
  #informational = 0;
  readonly #held = new PartialBytes();
  /** So many bytes of an unfinished head were looked at without finding its end. */
  #looked = 0;
  #isSwitched = false;
  /** Why the answer is wrong, once `execute` has said that it is. */
  reason = '';

  /** @param maxHeadBytes a head longer than this is refused */
  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Makes it ready for the answer to the next request. */
  begin(method: string): void {
    this.#phase = 'head';
    this.#isHeadRequest = method === 'HEAD';
    this.#informational = 0;
    this.#held.drop();
    this.#looked = 0;
  }

  /** Whether an answer is awaited or not at its end. */
  get isReading(): boolean {
    return this.#phase !== 'done';
  }

  /**
   * Reads a chunk. Gives how many of its bytes were of the answer (the rest came after its end), or -1 when the
   * answer is wrong.
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

  /** The connection has ended. Gives whether the answer is whole; the sink hears of its end if this was it. */
  finish(sink: ResponseSink): boolean {
    if (this.#phase === 'done') return true;
    if (this.#phase !== 'close') return false;
    this.#phase = 'done';
    sink.onEnd(NO_TRAILERS);
    return true;
  }

  /** The bytes after the present head are not HTTP: a protocol was switched. To be called by the sink. */
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

  /** Each byte is looked at once, however small the pieces are that a head comes in. */
  #checkPartial(bytes: Buffer, offset: number): number {
    if (!canBecomeHead(bytes, offset)) return WRONG;
    // A line that ends in another way than the grammar's would hide the end for ever.
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
/** All was taken; nothing is to be kept. */
const ALL_TAKEN = -3;

/** Whether what there is of a head can still become one: garbage without an end is not waited for. */
function canBecomeHead(bytes: Buffer, offset: number): boolean {
  const text = bytes.toString('latin1', offset, Math.min(bytes.length, offset + 13));
  return 'HTTP/1.'.startsWith(text.slice(0, 7)) && /^(?:.{0,7}|.{7}\d(?: (?:[1-9](?:\d(?:\d(?:[ \r].*)?)?)?)?)?)$/s.test(text);
}
