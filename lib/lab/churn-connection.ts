// A client connection in `churn`: sends raw bytes, receives whole responses or WebSocket messages, and can close in
// every possible way. Every wait has a deadline; no method rejects.

import { connect, type Socket } from 'node:net';
import { type WebSocketFrame, FrameReader } from './websocket.js';

const WAIT_TIMEOUT_MS = 10_000;
const CRLF2 = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

/** A response, or what came instead. */
export type ChurnAnswer =
  | { readonly kind: 'whole'; readonly status: number; readonly head: string; readonly body: Buffer }
  /** The connection ended after this many bytes of the response. */
  | { readonly kind: 'cut'; readonly bytes: number }
  | { readonly kind: 'late' };

/** One connection. */
export class ChurnConnection {
  readonly #socket: Socket;
  #bytes: Buffer = EMPTY;
  #hasEnded = false;
  #hasFailed = false;
  #wake: () => void = () => undefined;
  /** Set once no further request may be sent on it. */
  isLast = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const end = (): void => {
      this.#hasEnded = true;
      this.#wake();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket
      .on('error', () => (this.#hasFailed = true))
      .on('end', end)
      .on('close', end);
  }

  /** Connects to a loopback port; null if that fails. */
  static open(port: number): Promise<ChurnConnection | null> {
    return new Promise((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', () => resolve(null));
      socket.once('connect', () => resolve(new ChurnConnection(socket)));
    });
  }

  get isUsable(): boolean {
    return !this.isLast && !this.#hasEnded;
  }

  send(bytes: Buffer | string): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** Closes it like an exiting program: unread data is discarded. */
  leave(): void {
    this.isLast = true;
    this.#socket.destroy();
  }

  /** Closes it with a reset. */
  reset(): void {
    this.isLast = true;
    this.#socket.resetAndDestroy();
  }

  /** Receives the next response. */
  async answer(): Promise<ChurnAnswer> {
    const deadlineMs = performance.now() + WAIT_TIMEOUT_MS;
    for (;;) {
      const found = parse(this.#bytes, this.#hasEnded && !this.#hasFailed);
      if (found !== null) {
        this.#bytes = this.#bytes.subarray(found.end);
        if (/\r\nconnection: *close\r/i.test(found.head)) this.isLast = true;
        return { kind: 'whole', status: found.status, head: found.head, body: found.body };
      }
      if (this.#hasEnded) return { kind: 'cut', bytes: this.#bytes.length };
      if (performance.now() > deadlineMs) return { kind: 'late' };
      await this.#change();
    }
  }

  /** Waits for the first bytes of a response, or the end of the connection. */
  async untilBegun(): Promise<void> {
    const deadlineMs = performance.now() + WAIT_TIMEOUT_MS;
    while (this.#bytes.length === 0 && !this.#hasEnded && performance.now() < deadlineMs) await this.#change();
  }

  /** Receives this many WebSocket messages; fewer if the connection ends or the deadline passes. */
  async messages(count: number): Promise<WebSocketFrame[]> {
    const deadlineMs = performance.now() + WAIT_TIMEOUT_MS;
    const reader = new FrameReader();
    const frames: WebSocketFrame[] = [];
    for (;;) {
      frames.push(...reader.push(this.#bytes));
      this.#bytes = EMPTY;
      if (frames.length >= count || this.#hasEnded || performance.now() > deadlineMs) return frames;
      await this.#change();
    }
  }

  /** Whether the peer closed it in time. */
  async hasEnded(): Promise<boolean> {
    const deadlineMs = performance.now() + WAIT_TIMEOUT_MS;
    while (!this.#hasEnded && performance.now() < deadlineMs) await this.#change();
    return this.#hasEnded;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, WAIT_TIMEOUT_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

interface Parsed {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
  readonly end: number;
}

/** Parses the first response; null while it is incomplete. One without a length is complete at a clean end of the connection. */
function parse(bytes: Buffer, hasEndedWell: boolean): Parsed | null {
  const headEnd = bytes.indexOf(CRLF2);
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', 0, headEnd + 2);
  const status = Number(head.slice(9, 12));
  const bodyAt = headEnd + CRLF2.length;
  if (status === 101) return { status, head, body: EMPTY, end: bodyAt };
  const [, length] = /\r\ncontent-length: *(\d+)\r/i.exec(head) ?? [];
  if (length !== undefined) {
    const end = bodyAt + Number(length);
    return bytes.length < end ? null : { status, head, body: bytes.subarray(bodyAt, end), end };
  }
  if (/\r\ntransfer-encoding: *chunked\r/i.test(head)) return unchunk(status, head, bytes, bodyAt);
  return hasEndedWell ? { status, head, body: bytes.subarray(bodyAt), end: bytes.length } : null;
}

function unchunk(status: number, head: string, bytes: Buffer, bodyAt: number): Parsed | null {
  const parts: Buffer[] = [];
  for (let at = bodyAt; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (!(bytes.length >= end)) return null;
    if (size === 0) return { status, head, body: parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts), end };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = end;
  }
}
