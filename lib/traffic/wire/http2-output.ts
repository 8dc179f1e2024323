// The frames of one direction of an HTTP/2 connection on their way out: they are gathered in one buffer, so that what a
// turn of the event loop sends on all streams leaves in one write.

import { FLAG, FRAME, FRAME_HEADER, MAX_FRAME } from './http2-frames.js';

/** The first buffer of a write, in bytes, and the largest: one record of TLS. */
const LEAST = 2 << 10;
const MOST = 16 << 10;

/** Gathers frames. */
export class Http2Output {
  #chunk = Buffer.allocUnsafe(LEAST);
  #at = 0;
  #full: Buffer[] = [];
  /** Bytes that were gathered since the last `take`. */
  length = 0;

  /** Makes space for so many bytes in one piece, and gives the place. */
  #reserve(bytes: number): number {
    if (this.#at + bytes > this.#chunk.length) {
      if (this.#at > 0) this.#full.push(this.#chunk.subarray(0, this.#at));
      this.#chunk = Buffer.allocUnsafe(Math.max(bytes, MOST));
      this.#at = 0;
    }
    const at = this.#at;
    this.#at += bytes;
    this.length += bytes;
    return at;
  }

  #header(length: number, type: number, flags: number, streamId: number): number {
    const at = this.#reserve(FRAME_HEADER + length);
    const chunk = this.#chunk;
    chunk[at] = length >>> 16;
    chunk[at + 1] = length >>> 8;
    chunk[at + 2] = length;
    chunk[at + 3] = type;
    chunk[at + 4] = flags;
    chunk[at + 5] = streamId >>> 24;
    chunk[at + 6] = streamId >>> 16;
    chunk[at + 7] = streamId >>> 8;
    chunk[at + 8] = streamId;
    return at + FRAME_HEADER;
  }

  /** A frame whose payload is one or two numbers of 32 bits. */
  words(type: number, flags: number, streamId: number, first: number, second?: number): void {
    const at = this.#header(second === undefined ? 4 : 8, type, flags, streamId);
    this.#chunk.writeUInt32BE(first >>> 0, at);
    if (second !== undefined) this.#chunk.writeUInt32BE(second >>> 0, at + 4);
  }

  /** A frame with this payload, which is copied. */
  frame(type: number, flags: number, streamId: number, payload: Buffer): void {
    const at = this.#header(payload.length, type, flags, streamId);
    payload.copy(this.#chunk, at);
  }

  /** Bytes as they are. */
  raw(bytes: Buffer): void {
    const at = this.#reserve(bytes.length);
    bytes.copy(this.#chunk, at);
  }

  /** A part of a body: at most MAX_FRAME bytes. */
  data(streamId: number, bytes: Buffer, start: number, end: number, isLast: boolean): void {
    const at = this.#header(end - start, FRAME.data, isLast ? FLAG.endStream : 0, streamId);
    bytes.copy(this.#chunk, at, start, end);
  }

  /** A header block, in as many frames as it needs: the first `length` bytes. */
  block(streamId: number, bytes: Buffer, length: number, isLast: boolean): void {
    const end = isLast ? FLAG.endStream : 0;
    if (length <= MAX_FRAME) {
      const at = this.#header(length, FRAME.headers, FLAG.endHeaders | end, streamId);
      bytes.copy(this.#chunk, at, 0, length);
      return;
    }
    for (let from = 0; from < length; from += MAX_FRAME) {
      const to = Math.min(length, from + MAX_FRAME);
      const flags = (from === 0 ? end : 0) | (to === length ? FLAG.endHeaders : 0);
      const at = this.#header(to - from, from === 0 ? FRAME.headers : FRAME.continuation, flags, streamId);
      bytes.copy(this.#chunk, at, from, to);
    }
  }

  /** All that was gathered; the next frames begin anew. */
  take(): readonly Buffer[] {
    const all = this.#full;
    if (this.#at > 0) all.push(this.#chunk.subarray(0, this.#at));
    // The rest of the buffer is used on: what was taken is not written to again.
    this.#chunk = this.#chunk.length - this.#at >= LEAST ? this.#chunk.subarray(this.#at) : Buffer.allocUnsafe(LEAST);
    this.#at = 0;
    this.#full = [];
    this.length = 0;
    return all;
  }
}
