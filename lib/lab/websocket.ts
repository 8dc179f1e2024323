// The part of the WebSocket protocol (RFC 6455) that the lab's hosts and clients need: the handshake, and whole frames of
// one message each. Balancers do not use it: they relay bytes.

import { createHash } from 'node:crypto';

/** Opcodes (RFC 6455, section 5.2). */
export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The GUID that servers append to the key (RFC 6455, section 1.3). */
const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The value of `Sec-WebSocket-Accept` for this key. */
export function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + MAGIC)
    .digest('base64');
}

/** The head of a client's handshake for this path. */
export function handshakeOf(path: string, port: number, key: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`;
}

/** Encodes a message as one frame; clients pass a `mask`, hosts do not. */
export function encodeFrame(opcode: number, payload: Buffer, mask: number | null = null): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 1 << 16 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + lengthBytes + (mask === null ? 0 : 4) + length);
  frame[0] = 0x80 | opcode;
  frame[1] = (mask === null ? 0 : 0x80) | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2);
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  let at = 2 + lengthBytes;
  if (mask !== null) at = frame.writeUInt32BE(mask >>> 0, at);
  payload.copy(frame, at);
  if (mask !== null) unmask(frame.subarray(at), mask);
  return frame;
}

/** Masks or unmasks in place: the same operation (RFC 6455, section 5.3). */
function unmask(payload: Buffer, mask: number): void {
  if (mask === 0) return;
  const key = [mask >>> 24, (mask >>> 16) & 255, (mask >>> 8) & 255, mask & 255] as const;
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] as number) ^ key[(i & 3) as 0 | 1 | 2 | 3];
}

/** One message. */
export interface WebSocketFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

const EMPTY = Buffer.alloc(0);

/** Parses whole frames from arbitrary chunks. */
export class FrameReader {
  #pending: Buffer = EMPTY;

  /** Takes a chunk, which it may modify; returns the frames that are now complete. */
  push(chunk: Buffer): WebSocketFrame[] {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: WebSocketFrame[] = [];
    for (;;) {
      const end = frameEnd(rest);
      if (end === undefined || rest.length < end.total) break;
      const payload = rest.subarray(end.payloadAt, end.total);
      if (end.isMasked) unmask(payload, rest.readUInt32BE(end.payloadAt - 4));
      frames.push({ opcode: (rest[0] as number) & 15, payload });
      rest = rest.subarray(end.total);
    }
    this.#pending = rest;
    return frames;
  }
}

/** Start and end of the first frame's payload; undefined while its header is incomplete. */
function frameEnd(bytes: Buffer): { readonly payloadAt: number; readonly total: number; readonly isMasked: boolean } | undefined {
  if (bytes.length < 2) return undefined;
  const second = bytes[1] as number;
  const isMasked = second >= 0x80;
  const short = second & 0x7f;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  if (bytes.length < 2 + lengthBytes) return undefined;
  const length = lengthBytes === 0 ? short : lengthBytes === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const payloadAt = 2 + lengthBytes + (isMasked ? 4 : 0);
  return { payloadAt, total: payloadAt + length, isMasked };
}

/** The host's side: the reply to these frames, and whether the connection ends with it. */
export function echoFrames(frames: readonly WebSocketFrame[]): { readonly bytes: Buffer; readonly isLast: boolean } {
  const answers: Buffer[] = [];
  let isLast = false;
  for (const { opcode, payload } of frames) {
    if (opcode === OPCODE.pong) continue;
    answers.push(encodeFrame(opcode === OPCODE.ping ? OPCODE.pong : opcode, payload));
    if (opcode === OPCODE.close) isLast = true;
  }
  return { bytes: answers.length === 1 ? (answers[0] as Buffer) : Buffer.concat(answers), isLast };
}
