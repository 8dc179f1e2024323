// The requests that wait for one host because it has its full number in flight: short, first in first out,
// each for a bounded time.

import type { Deadlines, Waiting } from '../../deadlines.js';

/** How waiting ended: with room, with none in time, or because the host is out and another one is to be picked. */
export type QueueEnd = 'room' | 'timeout' | 'gone';

interface Waiter extends Waiting {
  readonly resolve: (end: QueueEnd) => void;
  /** Whether the client still waits. */
  readonly isWaiting: () => boolean;
}

/** The queue of one host. */
export class HostQueue {
  readonly #length: number;
  readonly #deadlines: Deadlines;
  #waiters: Waiter[] = [];

  constructor(length: number, deadlines: Deadlines) {
    this.#length = length;
    this.#deadlines = deadlines;
  }

  get isFull(): boolean {
    return this.#waiters.length >= this.#length;
  }

  /** Whether anybody waits. */
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

  /** There is room for one: the first whose client still waits gets it. */
  letIn(): void {
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      this.#deadlines.remove(waiter);
      waiter.resolve('room');
      if (waiter.isWaiting()) return;
    }
  }

  /** Sends those away whose clients have gone. */
  forgetGone(): void {
    this.#dismiss(({ isWaiting }) => !isWaiting(), 'timeout');
  }

  /** The host is out: all may look for another one. */
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
