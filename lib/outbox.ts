// Messages to a thread, for parts that are made before the thread can be started. Invariant: it can be posted to from
// the moment it is made; what is posted before the thread is there waits, and arrives first and in order.

import type { Transferable } from 'node:worker_threads';
import type { Thread } from './threads.js';

/** Takes messages for one thread, whether or not it has been started. */
export class Outbox<To> {
  #thread: Pick<Thread<To>, 'post'> | undefined;
  #waiting: (readonly [message: To, transfer: readonly Transferable[]])[] = [];

  /** Hands a message to the thread: now, or when it is connected. */
  post(message: To, transfer: readonly Transferable[] = []): void {
    if (this.#thread === undefined) this.#waiting.push([message, transfer]);
    else this.#thread.post(message, transfer);
  }

  /** The thread was started: it gets what has waited, and all that follows. To be called once. */
  connect(thread: Pick<Thread<To>, 'post'>): void {
    // Also what is posted meanwhile, which must not overtake.
    for (const [message, transfer] of this.#waiting) thread.post(message, transfer);
    this.#waiting = [];
    this.#thread = thread;
  }
}
