// The requests that wait for one host because it has its full number in flight: short, first in first out,
// each for a bounded time.

import type { Clock } from '../clock.js';

/** How waiting ended: with room, with none in time, or because the host is out and another one is to be picked. */
export type QueueEnd = 'room' | 'timeout' | 'gone';

interface Waiter {
  readonly deadlineMs: number;
  readonly resolve: (end: QueueEnd) => void;
  /** Whether the client still waits. */
  readonly isWaiting: () => boolean;
}

/** The queue of one host. */
export class HostQueue {
  readonly #length: number;
  #waiters: Waiter[] = [];

  constructor(length: number) {
    this.#length = length;
  }

  get isFull(): boolean {
    return this.#waiters.length >= this.#length;
  }

  /** Waits for room. Never rejects. */
  wait(deadlineMs: number, isWaiting: () => boolean): Promise<QueueEnd> {
    return new Promise((resolve) => {
      this.#waiters.push({ deadlineMs, resolve, isWaiting });
    });
  }

  /** There is room for one: the first whose client still waits gets it. */
  letIn(clock: Clock): void {
    if (this.#waiters.length === 0) return;
    const nowMs = clock();
    for (let waiter = this.#waiters.shift(); waiter !== undefined; waiter = this.#waiters.shift()) {
      const isInTime = waiter.deadlineMs > nowMs;
      waiter.resolve(isInTime ? 'room' : 'timeout');
      if (isInTime && waiter.isWaiting()) return;
    }
  }

  /** Sends those away whose time is up. */
  sendLateAway(nowMs: number): void {
    if (this.#waiters.length === 0) return;
    const late = this.#waiters.filter(({ deadlineMs, isWaiting }) => deadlineMs <= nowMs || !isWaiting());
    if (late.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !late.includes(waiter));
    for (const { resolve } of late) resolve('timeout');
  }

  /** The host is out: all may look for another one. */
  sendAway(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve('gone');
  }
}
