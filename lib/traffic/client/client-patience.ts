// How long a client may take: for a head, between two requests, for the next part of a body by the clock and by
// the rate, and to take its answer. One deadline at a time, moved by assignments.

import type { Clock } from '../../clock.js';
import type { TrafficLimits, TrafficTimeouts } from '../../config/traffic-config.js';
import type { Waiting } from '../../deadlines.js';

/** What a client owes. */
export type Owed =
  /** A head that is not whole, or the first one. */
  | 'head'
  /** Nothing, but the connection is not kept for ever: the next request may come. */
  | 'idle'
  /** The next part of its body. */
  | 'body'
  /** Nothing. */
  | 'none'
  /** To take what was sent. */
  | 'reading';

/** What it is told. */
export interface PatienceRules extends Pick<TrafficLimits, 'minBodyRate'>, Pick<TrafficTimeouts, 'headerTimeoutMs' | 'clientTimeoutMs' | 'keepAliveTimeoutMs'> {}

/** The patience with one client. */
export class ClientPatience implements Waiting {
  deadlineMs = Number.POSITIVE_INFINITY;
  owed: Owed = 'none';
  readonly #rules: PatienceRules;
  readonly #clock: Clock;
  readonly #onLate: (owed: Owed, isRate: boolean) => void;
  #bodySinceMs = 0;
  #bytesBefore = 0;
  /** Whether it is the rate that sets the present deadline, and not the silence since the last byte. */
  #isRateDue = false;

  /** @param onLate the client did not do in time what it owed; for a body, whether it was its rate that was too low */
  constructor(rules: PatienceRules, clock: Clock, onLate: (owed: Owed, isRate: boolean) => void) {
    this.#rules = rules;
    this.#clock = clock;
    this.#onLate = onLate;
  }

  /** The client owes this from now on. */
  wait(owed: Exclude<Owed, 'body'>): void {
    this.owed = owed;
    const { headerTimeoutMs, keepAliveTimeoutMs, clientTimeoutMs } = this.#rules;
    switch (owed) {
      case 'head':
        this.deadlineMs = this.#clock() + headerTimeoutMs;
        break;
      case 'idle':
        this.deadlineMs = this.#clock() + keepAliveTimeoutMs;
        break;
      case 'reading':
        this.deadlineMs = this.#clock() + clientTimeoutMs;
        break;
      case 'none':
        this.deadlineMs = Number.POSITIVE_INFINITY;
    }
  }

  /** The client has done this, if it owed it: it owes nothing more. */
  done(owed: 'body' | 'reading'): void {
    if (this.owed === owed) this.wait('none');
  }

  /** The body is wanted from now on, of which so many bytes have come. */
  beginBody(bytes: number): void {
    this.#bodySinceMs = this.#clock();
    this.#bytesBefore = bytes;
    this.onBody(bytes);
  }

  /** So many bytes of the body have come, and it is not whole. */
  onBody(bytes: number): void {
    // What it does not take is in its way first.
    if (this.owed === 'reading') return;
    const { minBodyRate, clientTimeoutMs } = this.#rules;
    this.owed = 'body';
    this.deadlineMs = this.#clock() + clientTimeoutMs;
    this.#isRateDue = false;
    if (minBodyRate === 0) return;
    const came = bytes - this.#bytesBefore;
    const rateDeadlineMs = this.#bodySinceMs + clientTimeoutMs + (came / minBodyRate) * 1000;
    if (rateDeadlineMs >= this.deadlineMs) return;
    this.deadlineMs = rateDeadlineMs;
    this.#isRateDue = came > 0;
  }

  onPaused(pausedMs: number): void {
    // What the client sent during the pause could not come in.
    this.#bodySinceMs = Math.min(this.#bodySinceMs + pausedMs, this.#clock());
  }

  onDeadline(): void {
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.#onLate(this.owed, this.#isRateDue);
  }
}
