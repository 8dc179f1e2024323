// One timer for all waits: whoever waits says until when in a field, which costs a request no more than an
// assignment. Looked at ten times a second, so that a deadline is met by a tenth of a second late at most.

import type { Clock } from '../clock.js';

/** Something that waits. */
export interface Waiting {
  /** Until when (process's clock); Infinity while it does not wait. May change at any time. */
  deadlineMs: number;
  /** The deadline has passed. It must change `deadlineMs` or leave. */
  onDeadline(nowMs: number): void;
}

const LOOK_EVERY_MS = 100;

/** All waits of one balancer. */
export class Deadlines {
  readonly #waiting = new Set<Waiting>();
  readonly #timer: NodeJS.Timeout;

  constructor(clock: Clock) {
    this.#timer = setInterval(() => {
      const nowMs = clock();
      for (const each of this.#waiting) if (each.deadlineMs <= nowMs) each.onDeadline(nowMs);
    }, LOOK_EVERY_MS);
  }

  add(waiting: Waiting): void {
    this.#waiting.add(waiting);
  }

  remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
