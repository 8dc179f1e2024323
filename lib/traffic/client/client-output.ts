// The writing side of a client's connection: sends answers and watches whether the client reads them. While the system
// has not taken everything written, the client has a deadline, whatever was written last.

import type { Socket } from 'node:net';
import { writeBytes } from '../wire/buffers.js';
import type { ClientPatience } from './client-patience.js';

/** The writing side of one client's connection. */
export class ClientOutput {
  readonly #socket: Socket;
  readonly #patience: ClientPatience;
  readonly #onAllTaken: () => void;

  /** @param onAllTaken called when the system has taken everything written, if it did not do so at once */
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
      // The client reads, if slowly: restart its deadline.
      this.#patience.awaitReading();
    }
  };
}
