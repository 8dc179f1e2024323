// The deadlines of a client: for a head, between two requests, for the next part of a body and its minimum rate, and for
// reading an answer. Several may run at once. Moving one is an assignment; no timer is touched.

import type { Clock } from '../../clock.js';
import type { TrafficLimits, TrafficTimeouts } from '../../config/traffic-config.js';
import type { Waiting } from '../../deadlines.js';
import { LATE_MS } from '../../timeout.js';

/** The deadline that a client missed; `rate`: its body arrives too slowly; `silent`: a conversation has stopped. */
export type Overdue = 'head' | 'idle' | 'body' | 'rate' | 'silent' | 'reading';

/** The limits for a client. */
export interface PatienceRules
  extends Pick<TrafficLimits, 'minBodyRate'>,
    Pick<TrafficTimeouts, 'headerTimeoutMs' | 'clientTimeoutMs' | 'keepAliveTimeoutMs' | 'tunnelTimeoutMs'> {}

const NEVER = Number.POSITIVE_INFINITY;

/** The deadlines of one client. */
export class ClientPatience implements Waiting {
  /** The earliest of the deadlines below. */
  deadlineMs = NEVER;
  readonly #rules: PatienceRules;
  readonly #clock: Clock;
  readonly #onOverdue: (overdue: Overdue) => void;
  /** For a head, or for the next one while the connection is idle. */
  #headMs = NEVER;
  #isIdle = false;
  #bodyMs = NEVER;
  #bodySinceMs = 0;
  #bytesBefore = 0;
  /** Whether `#bodyMs` stems from the minimum rate, not from the silence since the last byte. */
  #isRateDue = false;
  #readingMs = NEVER;
  #isConversation = false;

  constructor(rules: PatienceRules, clock: Clock, onOverdue: (overdue: Overdue) => void) {
    this.#rules = rules;
    this.#clock = clock;
    this.#onOverdue = onOverdue;
  }

  /** Whether the connection is idle: no byte of the next head has arrived. */
  get isIdle(): boolean {
    return this.#isIdle;
  }

  /** The client owes a head: the first one, or one that has begun. */
  awaitHead(): void {
    this.#isIdle = false;
    this.#headMs = this.#clock() + this.#rules.headerTimeoutMs;
    this.#update();
  }

  /** The connection is idle: the keep-alive timeout runs. */
  awaitNext(nowMs: number): void {
    this.#isIdle = true;
    this.#headMs = nowMs + this.#rules.keepAliveTimeoutMs;
    this.#update();
  }

  /** The head is complete. */
  onHead(): void {
    this.#isIdle = false;
    this.#headMs = NEVER;
    this.#update();
  }

  /**
   * The body is one half of a conversation, in which either side may wait for the other: it need not come at a minimum
   * rate, and both may be silent for as long as a tunnel.
   */
  converse(): void {
    this.#isConversation = true;
  }

  /** A part of the answer was sent. */
  onAnswered(): void {
    if (!this.#isConversation || this.#bodyMs === NEVER) return;
    this.#bodyMs = this.#clock() + this.#rules.tunnelTimeoutMs;
    this.#update();
  }

  /** Reading the body begins or resumes; `bytes` of it were read before. */
  beginBody(bytes: number): void {
    this.#bodySinceMs = this.#clock();
    this.#bytesBefore = bytes;
    this.onBody(bytes);
  }

  /** `bytes` of the body have been read in all, and it is not complete. */
  onBody(bytes: number): void {
    const { minBodyRate, clientTimeoutMs, tunnelTimeoutMs } = this.#rules;
    this.#bodyMs = this.#clock() + (this.#isConversation ? tunnelTimeoutMs : clientTimeoutMs);
    this.#isRateDue = false;
    if (minBodyRate > 0 && !this.#isConversation) {
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

  /** The client must read what was sent; a deadline that already runs stays. */
  beginReading(): void {
    if (this.#readingMs === NEVER) this.awaitReading();
  }

  /** The client has just read something, and must go on reading. */
  awaitReading(): void {
    this.#readingMs = this.#clock() + this.#rules.clientTimeoutMs;
    this.#update();
  }

  /** The client has read, as far as can be known, all that was sent. */
  onRead(): void {
    this.#readingMs = NEVER;
    this.#update();
  }

  /** Whether the client must read something that was sent. */
  get isAwaitingReading(): boolean {
    return this.#readingMs !== NEVER;
  }

  /** Clears all deadlines. */
  end(): void {
    this.#isIdle = false;
    this.#headMs = this.#bodyMs = this.#readingMs = this.deadlineMs = NEVER;
  }

  onPaused(pausedMs: number): void {
    // Nothing that the client sent or read during the pause could be noticed.
    const nowMs = this.#clock();
    const extended = (deadlineMs: number): number => Math.max(deadlineMs <= nowMs ? deadlineMs + pausedMs : deadlineMs, nowMs + LATE_MS);
    this.#headMs = extended(this.#headMs);
    this.#bodyMs = extended(this.#bodyMs);
    this.#readingMs = extended(this.#readingMs);
    this.#bodySinceMs = Math.min(this.#bodySinceMs + pausedMs, nowMs);
    this.#update();
  }

  onDeadline(nowMs: number): void {
    // Reading comes first: a client that does not read can't be answered.
    if (this.#readingMs <= nowMs) {
      this.#readingMs = NEVER;
      this.#update();
      this.#onOverdue('reading');
    } else if (this.#bodyMs <= nowMs) {
      this.#bodyMs = NEVER;
      this.#update();
      this.#onOverdue(this.#isConversation ? 'silent' : this.#isRateDue ? 'rate' : 'body');
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
