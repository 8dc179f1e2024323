// What goes out to a client: text and bytes of answers, and whether the client reads them. As long as the system has not
// taken all that was written, the client has a deadline, whatever was written last.

import type { Socket } from 'node:net';
import { writeBytes } from '../wire/buffers.js';
import type { ClientPatience } from './client-patience.js';

/** The writing side of one client's connection. */
export class ClientOutput {
  readonly #socket: Socket;
  readonly #patience: ClientPatience;
  readonly #onAllTaken: () => void;

  /** @param onAllTaken called when the system has taken the last of what was written before, after it had to wait */
  constructor(socket: Socket, patience: ClientPatience, onAllTaken: () => void) {
    this.#socket = socket;
    this.#patience = patience;
    this.#onAllTaken = onAllTaken;
  }

  /** Sends text in latin1. */
  sendText(text: string): void {
    this.#socket.write(text, 'latin1', this.#onTaken);
    if (!this.isTaken) this.#patience.beginReading();
  }

  /** Sends bytes that are valid until the call returns. */
  sendBytes(bytes: Buffer): void {
    writeBytes(this.#socket, bytes, this.#onTaken);
    if (!this.isTaken) this.#patience.beginReading();
  }

  /** Whether the client must catch up before more is sent; `onWritable` of the present request follows. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Whether the system has taken all that was written. */
  get isTaken(): boolean {
    return this.#socket.writableLength === 0;
  }

  readonly #onTaken = (): void => {
    if (this.#socket.destroyed || !this.#patience.isAwaitingReading) return;
    if (this.isTaken) {
      this.#patience.onRead();
      this.#onAllTaken();
    } else {
      // It reads: slowly, but it does.
      this.#patience.awaitReading();
    }
  };
}
