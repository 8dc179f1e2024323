// A message queue to a thread, for parts created before the thread starts. Invariant: posting works at any time;
// messages posted before the thread starts are queued and delivered first, in order.

import type { Transferable } from 'node:worker_threads';
import type { Thread } from './threads.js';

/** Accepts messages for one thread, started or not. */
export class Outbox<To> {
  #thread: Pick<Thread<To>, 'post'> | undefined;
  #waiting: (readonly [message: To, transfer: readonly Transferable[]])[] = [];

  /** Sends a message to the thread, now or once connected. */
  post(message: To, transfer: readonly Transferable[] = []): void {
    if (this.#thread === undefined) this.#waiting.push([message, transfer]);
    else this.#thread.post(message, transfer);
  }

  /** Connects the started thread: it gets the queued messages and all later ones. Call once. */
  connect(thread: Pick<Thread<To>, 'post'>): void {
    // Includes messages posted during the loop, which must not overtake.
    for (const [message, transfer] of this.#waiting) thread.post(message, transfer);
    this.#waiting = [];
    this.#thread = thread;
  }
}
