// One timer for all waits: each wait stores its deadline in a field, so a request pays for one assignment. Deadlines
// are checked ten times a second and fire at most 0.1 s late. The rules of timeout.ts apply: data that has arrived is
// read first, and a pause of the process does not count.

import type { Clock } from './clock.js';
import { LATE_MS } from './timeout.js';

/** A wait with a deadline. */
export interface Waiting {
  /** The deadline on the process clock; Infinity while idle. May change at any time. */
  deadlineMs: number;
  /** Called when the deadline has passed. Must change `deadlineMs` or remove the wait. */
  onDeadline(nowMs: number): void;
  /** Called after the process was paused for this time, for waits that also measure from a past time. `deadlineMs` is already adjusted. */
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
      // The event loop reads sockets between timers and immediates.
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
   * Fires the deadlines that have passed. After a pause of the process it fires none: each wait keeps the time that it
   * had left before the pause, and at least 1 s. Two late checks in a row mean a lack of CPU, not a pause: the second
   * one fires.
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

/** Leaves a wait the time that it had before a pause of the process. */
export function allowFor(pausedMs: number, waiting: Pick<Waiting, 'deadlineMs' | 'onPaused'>, nowMs: number): void {
  if (waiting.deadlineMs <= nowMs) waiting.deadlineMs += pausedMs;
  waiting.deadlineMs = Math.max(waiting.deadlineMs, nowMs + LATE_MS);
  waiting.onPaused?.(pausedMs);
}
