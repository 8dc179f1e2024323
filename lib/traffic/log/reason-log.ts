// Logs refusals and failures at `debug`, with their reasons. Anyone can send bad requests, so the rate of lines is
// limited, and each line says how many were left out before it.

import type { Clock } from '../../clock.js';
import type { Log, LogFields } from '../../log.js';

/** Token bucket: lines a second, and the burst after a silence. */
const PER_SECOND = 10;
const AT_ONCE = 50;

/** What a line is about. */
export type ReasonEvent = 'request refused' | 'request failed' | 'host failed a request' | 'connection refused' | 'client given up';

/** Writes one balancer's lines. */
export class ReasonLog {
  readonly #log: Log;
  readonly #clock: Clock;
  #left = AT_ONCE;
  #filledAtMs: number;
  #leftOut = 0;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.#filledAtMs = clock();
  }

  /** Writes a line, unless the rate limit is reached. */
  note(event: ReasonEvent, fields: LogFields): void {
    const nowMs = this.#clock();
    this.#left = Math.min(AT_ONCE, this.#left + ((nowMs - this.#filledAtMs) * PER_SECOND) / 1000);
    this.#filledAtMs = nowMs;
    if (this.#left < 1) {
      this.#leftOut++;
      return;
    }
    this.#left--;
    this.#log('debug', event, this.#leftOut === 0 ? fields : { ...fields, left_out: this.#leftOut });
    this.#leftOut = 0;
  }
}
