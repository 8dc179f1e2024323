// A keep-alive connection of a client that sends one GET at a time when asked to; each answer is compared with the
// expected one. Used by the loads of `latency` and `idle`.

import type { Socket } from 'node:net';
import { AnswerReader } from './answer-reader.js';
import { openClientSocket } from './client-socket.js';
import { getRequest } from './http-load.js';

const ANSWER_TIMEOUT_MS = 10_000;

/** How a request ended; `lost`: the connection closed before the answer was complete. */
export type Ending = 'right' | 'wrong' | 'lost';

/** One connection to a port of loopback. */
export class KeptConnection {
  readonly #request: Buffer;
  readonly #reader: AnswerReader;
  readonly #socket: Socket;
  #onEnd: ((ending: Ending) => void) | undefined;
  #isOpen = true;

  constructor(port: number, ca: string | undefined, expected: Buffer) {
    this.#request = getRequest('/', port);
    this.#reader = new AnswerReader(expected);
    this.#socket = openClientSocket(port, ca, () => undefined);
    this.#socket.setTimeout(ANSWER_TIMEOUT_MS, () => {
      if (this.#onEnd !== undefined) this.#socket.destroy();
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('end', () => this.close());
    this.#socket.on('close', () => {
      this.#isOpen = false;
      this.#finish('lost');
    });
    this.#socket.on('data', (chunk) => {
      const reading = this.#reader.push(chunk);
      if (reading === 'right' || reading === 'wrong') this.#finish(reading);
      else if (reading === 'refused') {
        this.#finish('wrong');
        this.close();
      }
    });
  }

  /** False after either side has closed it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Sends a request. `onEnd` is called once; only then may the next request be sent. */
  ask(onEnd: (ending: Ending) => void): void {
    if (!this.#isOpen) {
      onEnd('lost');
      return;
    }
    this.#onEnd = onEnd;
    this.#socket.write(this.#request);
  }

  /** As `ask`, with a promise. */
  asked(): Promise<Ending> {
    return new Promise((resolve) => this.ask(resolve));
  }

  /** Closes it immediately. */
  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }

  #finish(ending: Ending): void {
    const onEnd = this.#onEnd;
    this.#onEnd = undefined;
    onEnd?.(ending);
  }
}
