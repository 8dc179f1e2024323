// The queue of requests that wait for one host at its in-flight limit: short, first in first out, each request for a
// bounded time.

import type { Deadlines, Waiting } from '../../deadlines.js';

/** How a wait ended: `room` for the request, `timeout`, or `gone`: the host is out, and another one must be picked. */
export type QueueEnd = 'room' | 'timeout' | 'gone';

interface Waiter extends Waiting {
  readonly resolve: (end: QueueEnd) => void;
  /** Whether the client still waits. */
  readonly isWaiting: () => boolean;
}

/** The queue of one host. */
export class HostQueue {
  /** Maximum requests that wait. */
  length: number;
  readonly #deadlines: Deadlines;
  #waiters: Waiter[] = [];

  constructor(length: number, deadlines: Deadlines) {
    this.length = length;
    this.#deadlines = deadlines;
  }

  get isFull(): boolean {
    return this.#waiters.length >= this.length;
  }

  /** Number of requests that wait. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Whether any request waits. */
  get isWaitedFor(): boolean {
    return this.#waiters.length > 0;
  }

  /** Waits for room. Never rejects. */
  wait(deadlineMs: number, isWaiting: () => boolean): Promise<QueueEnd> {
    return new Promise((resolve) => {
      const waiter: Waiter = { deadlineMs, onDeadline: () => this.#dismiss((each) => each === waiter, 'timeout'), resolve, isWaiting };
      this.#waiters.push(waiter);
      this.#deadlines.add(waiter);
    });
  }

  /** Room for one request: the first whose client still waits gets it, and nobody else. False if there is none. */
  letIn(): boolean {
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      this.#deadlines.remove(waiter);
      const isWaiting = waiter.isWaiting();
      waiter.resolve(isWaiting ? 'room' : 'timeout');
      if (isWaiting) return true;
    }
    return false;
  }

  /** Dismisses requests whose clients have gone. */
  forgetGone(): void {
    this.#dismiss(({ isWaiting }) => !isWaiting(), 'timeout');
  }

  /** The host is out: dismisses all requests, which then pick another host. */
  sendAway(): void {
    this.#dismiss(() => true, 'gone');
  }

  #dismiss(isMeant: (waiter: Waiter) => boolean, end: QueueEnd): void {
    if (this.#waiters.length === 0) return;
    const dismissed = this.#waiters.filter(isMeant);
    this.#waiters = this.#waiters.filter((waiter) => !isMeant(waiter));
    for (const waiter of dismissed) {
      this.#deadlines.remove(waiter);
      waiter.resolve(end);
    }
  }
}
