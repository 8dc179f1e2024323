// The frames of HTTP/2 (RFC 9113, section 4.1), as far as they can be seen from outside: a walker over their headers, which
// takes the bytes of one direction of a connection in pieces and never copies a payload.

/** Frame types (RFC 9113, section 6). */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames; what one of them means depends on the type. */
export const FLAG = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;

/** Error codes (RFC 9113, section 7), by number. */
export const HTTP2_ERRORS = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

/** The name of an error code. */
export type Http2Error = (typeof HTTP2_ERRORS)[number];

/** The number of an error. */
export const errorCodeOf = (error: Http2Error): number => HTTP2_ERRORS.indexOf(error);

/** The name of an error code; its number in hexadecimal if it has none. */
export const nameOfError = (code: number): string => HTTP2_ERRORS[code] ?? `0x${code.toString(16)}`;

/** What a client sends first (RFC 9113, section 3.4). */
export const PREFACE: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/** The highest stream id; in a GOAWAY it means that all streams of the other side are still served (RFC 9113, section 6.8). */
export const ALL_STREAMS = 2 ** 31 - 1;

/** Bytes of a frame's header. */
export const FRAME_HEADER = 9;

/** Where the type is in a frame's header. */
const TYPE_AT = 3;

/** The largest payload that may be sent without the other side's consent, in bytes (SETTINGS_MAX_FRAME_SIZE's initial value). */
export const MAX_FRAME = 16_384;

/** How many bytes of each payload the walker shows: all of a RST_STREAM, WINDOW_UPDATE, PRIORITY and PING, and a GOAWAY's stream and code. */
const SHOWN = 8;

/** A frame whose beginning was read; the walker reuses the object. */
export interface FrameView {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  /** Bytes of the payload, as the header says. */
  readonly length: number;
  /** The first byte of the payload; 0 if it has none. */
  readonly firstByte: number;
  /** The 32 bits at this offset of the payload, 0 or 4. 0 if the payload is shorter. */
  word(offset: number): number;
}

/** Takes a part of a frame's payload, from `start` to `end`. @param isLast whether it completes the payload */
export type OnPayload = (frame: FrameView, bytes: Buffer, start: number, end: number, isLast: boolean) => void;

/** Walks over the frames of one direction. */
export class FrameWalker implements FrameView {
  type = 0;
  flags = 0;
  streamId = 0;
  length = 0;
  readonly #onFrame: (frame: FrameView) => boolean;
  readonly #onPayload: OnPayload | undefined;
  /** The beginning of a frame that a piece ended in. */
  readonly #partial = Buffer.alloc(FRAME_HEADER + SHOWN);
  #partialLength = 0;
  /** Where the beginning of the present frame is. */
  #bytes: Buffer = this.#partial;
  #start = 0;
  /** Bytes of the present frame's payload that have not come. */
  #left = 0;
  /** Header blocks that have begun. */
  #blocks = 0;
  /** Whether the last of them lacks a frame with END_HEADERS. */
  #isBlockOpen = false;

  /**
   * @param onFrame called when a header and the shown part of the payload are there; false stops the walk
   * @param onPayload called for each part of the payload of HEADERS and CONTINUATION; left out: not wanted
   */
  constructor(onFrame: (frame: FrameView) => boolean, onPayload?: OnPayload) {
    this.#onFrame = onFrame;
    this.#onPayload = onPayload;
  }

  /** Whether the last piece ended with the end of a frame. */
  get isBetween(): boolean {
    return this.#left === 0 && this.#partialLength === 0;
  }

  /** The number of the header block, from 1, that the last piece ended in; 0 if it ended in none. */
  get openBlock(): number {
    if (this.#isBlockOpen || (this.#left > 0 && isOfBlock(this.type))) return this.#blocks;
    return this.#partialLength > TYPE_AT && this.#partial[TYPE_AT] === FRAME.headers ? this.#blocks + 1 : 0;
  }

  get firstByte(): number {
    return this.length === 0 ? 0 : (this.#bytes[this.#start + FRAME_HEADER] as number);
  }

  word(offset: number): number {
    return offset + 4 > this.length ? 0 : this.#bytes.readUInt32BE(this.#start + FRAME_HEADER + offset);
  }

  /** Reads the next bytes; returns whether all frames that begin in them are accepted. */
  walk(bytes: Buffer): boolean {
    let at = 0;
    const end = bytes.length;
    while (at < end) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, end - at);
        this.#left -= step;
        this.#handOut(bytes, at, at + step);
        at += step;
      } else if (this.#partialLength > 0) {
        const next = this.#complete(bytes, at);
        if (next < 0) return false;
        at = next;
      } else {
        const length = end - at < FRAME_HEADER ? SHOWN : lengthAt(bytes, at);
        const shown = FRAME_HEADER + (length < SHOWN ? length : SHOWN);
        if (end - at < shown) {
          bytes.copy(this.#partial, 0, at);
          this.#partialLength = end - at;
          return true;
        }
        if (!this.#show(bytes, at, length)) return false;
        // All of the payload that is here at once.
        const payload = at + FRAME_HEADER;
        at = Math.min(end, payload + length);
        this.#left = payload + length - at;
        this.#handOut(bytes, payload, at);
      }
    }
    return true;
  }

  /** Adds to the beginning that was kept; returns where to go on, -1 if the frame is not accepted. */
  #complete(bytes: Buffer, from: number): number {
    let at = from;
    for (;;) {
      const length = this.#partialLength < FRAME_HEADER ? undefined : lengthAt(this.#partial, 0);
      const shown = FRAME_HEADER + (length === undefined ? 0 : Math.min(length, SHOWN));
      if (length !== undefined && this.#partialLength >= shown) {
        this.#partialLength = 0;
        if (!this.#show(this.#partial, 0, length)) return -1;
        this.#left = length + FRAME_HEADER - shown;
        this.#handOut(this.#partial, FRAME_HEADER, shown);
        return at;
      }
      if (at === bytes.length) return at;
      const copied = bytes.copy(this.#partial, this.#partialLength, at, at + shown - this.#partialLength);
      this.#partialLength += copied;
      at += copied;
    }
  }

  #handOut(bytes: Buffer, start: number, end: number): void {
    if (this.#onPayload !== undefined && isOfBlock(this.type)) this.#onPayload(this, bytes, start, end, this.#left === 0);
  }

  #show(bytes: Buffer, start: number, length: number): boolean {
    this.#bytes = bytes;
    this.#start = start;
    this.length = length;
    this.type = bytes[start + TYPE_AT] as number;
    this.flags = bytes[start + 4] as number;
    // The first bit is reserved, and ignored.
    this.streamId = bytes.readUInt32BE(start + 5) & ALL_STREAMS;
    if (isOfBlock(this.type)) {
      if (this.type === FRAME.headers) this.#blocks++;
      this.#isBlockOpen = (this.flags & FLAG.endHeaders) === 0;
    }
    const isAccepted = this.#onFrame(this);
    this.#bytes = this.#partial;
    return isAccepted;
  }
}

/** Whether frames of this type carry a header block. */
const isOfBlock = (type: number): boolean => type === FRAME.headers || type === FRAME.continuation;

const lengthAt = (bytes: Buffer, at: number): number =>
  ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);

/** A frame's header. */
export function frameHeader(length: number, type: number, flags: number, streamId: number): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER);
  header.writeUIntBE(length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(streamId, 5);
  return header;
}

/** A GOAWAY frame without debug data. @param lastStreamId the last stream of the other side that is served */
export function goawayFrame(lastStreamId: number, code: number): Buffer {
  const payload = Buffer.allocUnsafe(8);
  payload.writeUInt32BE(lastStreamId, 0);
  payload.writeUInt32BE(code, 4);
  return Buffer.concat([frameHeader(payload.length, FRAME.goaway, 0, 0), payload]);
}
