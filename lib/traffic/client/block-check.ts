// Checks the header blocks of one connection before node:http2 sees their end: keeps which streams have a malformed one. A
// block may be spread over frames, and a frame over reads; one that came in one piece is not copied.

import { FLAG, FRAME, type FrameView } from '../wire/http2-frames.js';
import { scanBlock } from '../wire/hpack-scan.js';

const NOTHING = Buffer.alloc(0);

/** Bytes of a HEADERS frame's priority fields (RFC 9113, section 6.2). */
const PRIORITY_BYTES = 5;

/** The check of one connection. */
export class BlockCheck {
  /** Whether a malformed field is in the connection's table, where later requests can refer to it. */
  isTableBad = false;
  readonly #malformed = new Set<number>();
  /** The frame's payload so far, and the block's earlier frames. */
  #payload: Buffer = NOTHING;
  #block: Buffer = NOTHING;

  /** Takes a part of a payload, as a `FrameWalker` hands it out. */
  readonly onPayload = (frame: FrameView, bytes: Buffer, start: number, end: number, isLast: boolean): void => {
    if (!isLast) {
      this.#payload = Buffer.concat([this.#payload, bytes.subarray(start, end)]);
    } else if (this.#payload.length === 0) {
      this.#onFrame(frame, bytes, start, end);
    } else {
      const payload = Buffer.concat([this.#payload, bytes.subarray(start, end)]);
      this.#payload = NOTHING;
      this.#onFrame(frame, payload, 0, payload.length);
    }
  };

  #onFrame({ type, flags, streamId }: FrameView, bytes: Buffer, payload: number, payloadEnd: number): void {
    let start = payload;
    let end = payloadEnd;
    if (type === FRAME.headers) {
      this.#block = NOTHING;
      if ((flags & FLAG.padded) !== 0) {
        end -= bytes[start] as number;
        start += 1;
      }
      if ((flags & FLAG.priority) !== 0) start += PRIORITY_BYTES;
    }
    // Too much padding: node:http2 ends the connection.
    if (start > end) return;
    const isWhole = (flags & FLAG.endHeaders) !== 0;
    if (isWhole && this.#block.length === 0) this.#check(streamId, bytes, start, end);
    else {
      this.#block = Buffer.concat([this.#block, bytes.subarray(start, end)]);
      if (isWhole) this.#check(streamId, this.#block, 0, this.#block.length);
    }
  }

  #check(streamId: number, bytes: Buffer, start: number, end: number): void {
    const verdict = scanBlock(bytes, start, end);
    this.#block = NOTHING;
    if (verdict === 'good') return;
    this.#malformed.add(streamId);
    this.isTableBad ||= verdict === 'kept';
  }

  /** Whether the last block of a stream was malformed. */
  isMalformed(streamId: number): boolean {
    return this.#malformed.size > 0 && this.#malformed.has(streamId);
  }

  /** The stream was reset. */
  forget(streamId: number): void {
    if (this.#malformed.size > 0) this.#malformed.delete(streamId);
  }
}
