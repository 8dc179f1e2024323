// Bytes that a client has sent and that can't be parsed yet, such as the next request while an answer is on its way.
// They are bounded: above the bound the socket is paused.

import type { Socket } from 'node:net';

/** Above this many held bytes (bytes of further requests) the socket is paused. */
const MAX_WAITING = 64 << 10;

/** The bytes that one connection holds back. */
export class HeldBytes {
  readonly #socket: Socket;
  #bytes: Buffer | undefined;
  #isPaused = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isEmpty(): boolean {
    return this.#bytes === undefined;
  }

  /** Keeps a copy, since the read buffer is reused. @param isWaiting whether they wait for an answer or a host: too many pause the socket */
  keep(bytes: Buffer, isWaiting: boolean): void {
    this.#bytes = Buffer.from(bytes);
    if (isWaiting && bytes.length > MAX_WAITING) this.pause();
  }

  /** Hands the held bytes over to the caller; undefined when there are none. */
  take(): Buffer | undefined {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes;
  }

  /** Discards the held bytes. */
  drop(): void {
    this.#bytes = undefined;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    // Node's `resume` costs something even when the socket is not paused.
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
}
