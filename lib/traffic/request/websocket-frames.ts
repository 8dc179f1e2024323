// Where the frames of a WebSocket begin and end, and nothing else of them (RFC 6455, section 5.2): at the end of a drain
// a frame of our own may stand only between two of theirs. Payloads are skipped, never looked at or kept.

import { randomBytes } from 'node:crypto';

const CLOSE = 8;

/** Opcodes with a meaning: continuation, text, binary; close, ping, pong. */
const OPCODES: ReadonlySet<number> = new Set([0, 1, 2, CLOSE, 9, 10]);

/** Without a mask, the longest header: two bytes and a length of eight. */
const MAX_HEADER = 10;

/** Follows one direction of a WebSocket from its first byte after the 101. */
export class FrameTracker {
  readonly #header = new Uint8Array(MAX_HEADER);
  /** How many bytes of a header there are; 0 within a payload and between frames. */
  #headerLength = 0;
  /** Bytes to skip: what is left of a mask and payload. */
  #left = 0;
  #isClosing = false;
  #isBroken = false;
  #isEnded = false;

  /**
   * True when a frame may be put in here: no frame is half said. False for ever after a header that cannot be one,
   * and after a close frame, which nothing may follow.
   */
  get isAtBoundary(): boolean {
    return this.#headerLength === 0 && this.#left === 0 && !this.#isBroken && !this.#isEnded;
  }

  /** True after a header that cannot be one; where frames begin is not known from there on. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Takes in the next bytes, cut anywhere; costs as much as there are frames in them. */
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

  /** Looks at what there is of a header; when it is whole, what follows is known. */
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
    // Inexact above 2^53, which no connection lives to carry.
    for (let i = 2; i < size; i++) length = length * 256 + (header[i] as number);
    // A length is said in as few bytes as it can be.
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
 * A whole close frame with a status code (RFC 6455, section 7.4) and no reason: 1001 says that this end goes away.
 * Towards a host it is to be masked, as a client's frames are; towards a client it is not.
 */
export function closeFrame(code: number, isMasked: boolean): Buffer {
  const high = code >> 8;
  const low = code & 0xff;
  if (!isMasked) return Buffer.from([0x88, 0x02, high, low]);
  const mask = randomBytes(4);
  return Buffer.from([0x88, 0x82, ...mask, high ^ (mask[0] as number), low ^ (mask[1] as number)]);
}
