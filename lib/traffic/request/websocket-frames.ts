// Tracks where WebSocket frames begin and end (RFC 6455, section 5.2), and nothing else: at the end of a drain, our own
// close frame may only be inserted between two frames. Payloads are skipped, never parsed or kept.

import { randomBytes } from 'node:crypto';

const CLOSE = 8;

/** Opcodes with a meaning: continuation, text, binary; close, ping, pong. */
const OPCODES: ReadonlySet<number> = new Set([0, 1, 2, CLOSE, 9, 10]);

/** The longest header without the mask: two bytes and a length of eight. */
const MAX_HEADER = 10;

/** Follows one direction of a WebSocket from its first byte after the 101. */
export class FrameTracker {
  readonly #header = new Uint8Array(MAX_HEADER);
  /** Bytes of the present header so far; 0 within a payload and between frames. */
  #headerLength = 0;
  /** Bytes to skip: the rest of the mask and payload. */
  #left = 0;
  #isClosing = false;
  #isBroken = false;
  #isEnded = false;

  /**
   * Whether a frame may be inserted here: the stream is between two frames. False for good after an invalid header, and
   * after a close frame, which nothing may follow.
   */
  get isAtBoundary(): boolean {
    return this.#headerLength === 0 && this.#left === 0 && !this.#isBroken && !this.#isEnded;
  }

  /** Whether there was an invalid header; frame boundaries are unknown after it. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Tracks the next bytes, cut anywhere; the cost grows with the number of frames, not of bytes. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#isBroken && !this.#isEnded) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - at);
        this.#left -= skipped;
        at += skipped;
        if (this.#left === 0) this.#endFrame();
      } else {
        this.#header[this.#headerLength++] = chunk[at++] as number;
        this.#readHeader();
      }
    }
  }

  #endFrame(): void {
    if (this.#isClosing) this.#isEnded = true;
  }

  /** Checks the header so far; once it is complete, sets how many bytes to skip. */
  #readHeader(): void {
    const header = this.#header;
    const have = this.#headerLength;
    const first = header[0] as number;
    const opcode = first & 0x0f;
    const isControl = opcode >= CLOSE;
    // RSV1 belongs to permessage-deflate (RFC 7692), on messages only; nothing has a meaning for RSV2 and RSV3.
    if (!OPCODES.has(opcode) || (first & 0x30) !== 0 || (isControl && (first & 0xc0) !== 0x80)) return this.#break();
    if (have < 2) return;
    const shortLength = (header[1] as number) & 0x7f;
    if (isControl && shortLength > 125) return this.#break();
    const size = 2 + (shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0);
    // The first bit of a length must be 0.
    if (shortLength === 127 && have > 2 && ((header[2] as number) & 0x80) !== 0) return this.#break();
    if (have < size) return;
    let length = size === 2 ? shortLength : 0;
    // Inexact above 2^53, which no connection lives long enough to carry.
    for (let i = 2; i < size; i++) length = length * 256 + (header[i] as number);
    // A length must use the shortest form.
    if ((size === 4 && length < 126) || (size === 10 && length < 65_536)) return this.#break();
    this.#headerLength = 0;
    this.#isClosing = opcode === CLOSE;
    this.#left = length + (((header[1] as number) & 0x80) !== 0 ? 4 : 0);
    if (this.#left === 0) this.#endFrame();
  }

  #break(): void {
    this.#isBroken = true;
  }
}

/**
 * A complete close frame with a status code (RFC 6455, section 7.4) and no reason; 1001 means "going away".
 * Masked towards a host, as all of a client's frames are; unmasked towards a client.
 */
export function closeFrame(code: number, isMasked: boolean): Buffer {
  const high = code >> 8;
  const low = code & 0xff;
  if (!isMasked) return Buffer.from([0x88, 0x02, high, low]);
  const mask = randomBytes(4);
  return Buffer.from([0x88, 0x82, ...mask, high ^ (mask[0] as number), low ^ (mask[1] as number)]);
}
