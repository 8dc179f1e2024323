// How long a client may take: for a head, between two requests, for the next part of a body by the clock and by
// the rate, and to read its answer. It may owe several of them at once; each has a deadline, moved by assignments.

import type { Clock } from '../../clock.js';
import type { TrafficLimits, TrafficTimeouts } from '../../config/traffic-config.js';
import type { Waiting } from '../../deadlines.js';
import { LATE_MS } from '../../timeout.js';

/** What a client did not do in time; `rate`: its body came, but too slowly. */
export type Overdue = 'head' | 'idle' | 'body' | 'rate' | 'reading';

/** The limits that a client is held to. */
export interface PatienceRules
  extends Pick<TrafficLimits, 'minBodyRate'>,
    Pick<TrafficTimeouts, 'headerTimeoutMs' | 'clientTimeoutMs' | 'keepAliveTimeoutMs'> {}

const NEVER = Number.POSITIVE_INFINITY;

/** The patience with one client. */
export class ClientPatience implements Waiting {
  /** The earliest of the deadlines below. */
  deadlineMs = NEVER;
  readonly #rules: PatienceRules;
  readonly #clock: Clock;
  readonly #onOverdue: (overdue: Overdue) => void;
  /** For a head, or while the connection is idle for the next one. */
  #headMs = NEVER;
  #isIdle = false;
  #bodyMs = NEVER;
  #bodySinceMs = 0;
  #bytesBefore = 0;
  /** Whether the body's deadline is that of its rate, not of the silence since its last byte. */
  #isRateDue = false;
  #readingMs = NEVER;

  constructor(rules: PatienceRules, clock: Clock, onOverdue: (overdue: Overdue) => void) {
    this.#rules = rules;
    this.#clock = clock;
    this.#onOverdue = onOverdue;
  }

  /** Whether the connection is idle: not a byte of the next head has come. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** The client owes a head, which has begun or is the first one. */
  awaitHead(): void {
    this.#isIdle = false;
    this.#headMs = this.#clock() + this.#rules.headerTimeoutMs;
    this.#update();
  }

  /** The client owes nothing, but its connection is not kept forever. */
  awaitNext(nowMs: number): void {
    this.#isIdle = true;
    this.#headMs = nowMs + this.#rules.keepAliveTimeoutMs;
    this.#update();
  }

  /** The head is whole. */
  onHead(): void {
    this.#isIdle = false;
    this.#headMs = NEVER;
    this.#update();
  }

  /** The body is wanted from now on; `bytes` of it have come before. */
  beginBody(bytes: number): void {
    this.#bodySinceMs = this.#clock();
    this.#bytesBefore = bytes;
    this.onBody(bytes);
  }

  /** `bytes` of the body have come in all, and it is not whole. */
  onBody(bytes: number): void {
    const { minBodyRate, clientTimeoutMs } = this.#rules;
    this.#bodyMs = this.#clock() + clientTimeoutMs;
    this.#isRateDue = false;
    if (minBodyRate > 0) {
      const came = bytes - this.#bytesBefore;
      const rateDeadlineMs = this.#bodySinceMs + clientTimeoutMs + (came / minBodyRate) * 1000;
      if (rateDeadlineMs < this.#bodyMs) {
        this.#bodyMs = rateDeadlineMs;
        this.#isRateDue = came > 0;
      }
    }
    this.#update();
  }

  /** No more of the body is owed, or none is wanted for now. */
  onBodyDone(): void {
    this.#bodyMs = NEVER;
    this.#update();
  }

  /** The client must read what was sent, unless it has to already. */
  beginReading(): void {
    if (this.#readingMs === NEVER) this.awaitReading();
  }

  /** The client has just read something, and must read on. */
  awaitReading(): void {
    this.#readingMs = this.#clock() + this.#rules.clientTimeoutMs;
    this.#update();
  }

  /** The client has read, as far as can be known, all that was sent. */
  onRead(): void {
    this.#readingMs = NEVER;
    this.#update();
  }

  /** Whether it is waited for the client to read. */
  get isAwaitingReading(): boolean {
    return this.#readingMs !== NEVER;
  }

  /** The client owes nothing any more that this would watch. */
  end(): void {
    this.#isIdle = false;
    this.#headMs = this.#bodyMs = this.#readingMs = this.deadlineMs = NEVER;
  }

  onPaused(pausedMs: number): void {
    // What the client did during the pause could not come in.
    const nowMs = this.#clock();
    const extended = (deadlineMs: number): number => Math.max(deadlineMs <= nowMs ? deadlineMs + pausedMs : deadlineMs, nowMs + LATE_MS);
    this.#headMs = extended(this.#headMs);
    this.#bodyMs = extended(this.#bodyMs);
    this.#readingMs = extended(this.#readingMs);
    this.#bodySinceMs = Math.min(this.#bodySinceMs + pausedMs, nowMs);
    this.#update();
  }

  onDeadline(nowMs: number): void {
    // A client that does not read can't be answered: that comes first.
    if (this.#readingMs <= nowMs) {
      this.#readingMs = NEVER;
      this.#update();
      this.#onOverdue('reading');
    } else if (this.#bodyMs <= nowMs) {
      this.#bodyMs = NEVER;
      this.#update();
      this.#onOverdue(this.#isRateDue ? 'rate' : 'body');
    } else {
      this.#headMs = NEVER;
      this.#update();
      this.#onOverdue(this.#isIdle ? 'idle' : 'head');
    }
  }

  #update(): void {
    this.deadlineMs = Math.min(this.#headMs, this.#bodyMs, this.#readingMs);
  }
}
