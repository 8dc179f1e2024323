// What a client has sent and what can't be read yet: kept until it can be, and within bounds, beyond which its
// socket is not read.

import type { Socket } from 'node:net';

/** How many bytes of further requests are kept while an answer is on its way. */
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

  /** Keeps a copy, since the bytes are read over. With too many that wait for others the socket is paused. */
  keep(bytes: Buffer, isWaiting: boolean): void {
    this.#bytes = Buffer.from(bytes);
    if (isWaiting && bytes.length > MAX_WAITING) this.pause();
  }

  /** What is held, which is then the caller's; undefined when nothing is. */
  take(): Buffer | undefined {
    const bytes = this.#bytes;
    this.#bytes = undefined;
    return bytes;
  }

  /** Nobody will read what is held. */
  drop(): void {
    this.#bytes = undefined;
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    // Node makes work of it also when there is nothing to do.
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }
}
