// One timer for all waits: whoever waits says until when in a field, which costs a request no more than an
// assignment. Looked at ten times a second, so that a deadline is met by a tenth of a second late at most. The rules
// of timeout.ts hold: what has arrived is read first, and a pause of the process is nobody's fault.

import type { Clock } from './clock.js';
import { LATE_MS } from './timeout.js';

/** Something that waits. */
export interface Waiting {
  /** Until when (process's clock); Infinity while it does not wait. May change at any time. */
  deadlineMs: number;
  /** The deadline has passed. It must change `deadlineMs` or leave. */
  onDeadline(nowMs: number): void;
  /** The process was stopped for this time, which `deadlineMs` allows for already: for waits that also count from a time in the past. */
  onPaused?(pausedMs: number): void;
}

const LOOK_EVERY_MS = 100;

/** All waits of one balancer. */
export class Deadlines {
  readonly #waiting = new Set<Waiting>();
  readonly #timer: NodeJS.Timeout;
  #immediate: NodeJS.Immediate | undefined;
  #lookedAtMs: number;
  #wasLate = false;

  constructor(clock: Clock) {
    this.#lookedAtMs = clock();
    this.#timer = setInterval(() => {
      // Between timers and immediates the event loop reads what sockets have.
      this.#immediate = setImmediate(() => this.look(clock()));
    }, LOOK_EVERY_MS);
  }

  add(waiting: Waiting): void {
    this.#waiting.add(waiting);
  }

  remove(waiting: Waiting): void {
    this.#waiting.delete(waiting);
  }

  /**
   * Calls those whose deadline has passed. After a pause of the process nobody is called: who was due has the time
   * left that it had at the pause, and everybody has 1 s. Two late looks in a row are no pause but a lack of CPU:
   * the second one calls.
   */
  look(nowMs: number): void {
    const lateMs = nowMs - this.#lookedAtMs - LOOK_EVERY_MS;
    const isLate = lateMs > LATE_MS;
    const wasPaused = isLate && !this.#wasLate;
    this.#wasLate = isLate;
    this.#lookedAtMs = nowMs;
    for (const each of this.#waiting) {
      if (wasPaused) allowFor(lateMs, each, nowMs);
      else if (each.deadlineMs <= nowMs) each.onDeadline(nowMs);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#immediate);
  }
}

function allowFor(pausedMs: number, waiting: Waiting, nowMs: number): void {
  if (waiting.deadlineMs <= nowMs) waiting.deadlineMs += pausedMs;
  waiting.deadlineMs = Math.max(waiting.deadlineMs, nowMs + LATE_MS);
  waiting.onPaused?.(pausedMs);
}
