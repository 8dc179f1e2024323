// Detects whether this balancer hears a master: it receives tables, which is independent of whether Redis is reachable.
// While it hears none, it checks its hosts itself and reports the reason: in the log at once and then every minute, and
// in its heartbeat.

import type { Clock } from '../clock.js';
import { MINUTE } from '../clock.js';
import type { Log } from '../log.js';
import { LATE_MS } from '../timeout.js';

/** After this long without a master, a balancer checks its hosts itself. */
const ALONE_AFTER_MS = 3000;

/** A long lease makes failover slower: up to one lease plus the succession. */
const ALONE_AFTER_LEASES = 2;

/** The dependencies of `MasterWatch`. */
export interface MasterWatchOptions {
  readonly leaseTtlMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Why there is no master, as far as this balancer knows; one phrase. */
  readonly why: () => string;
  /** No master was heard for too long. */
  readonly onAlone: () => void;
  /** A master is heard again. */
  readonly onHeard: () => void;
}

/** Watches for the master on one balancer. */
export class MasterWatch {
  readonly #options: MasterWatchOptions;
  #heardAtMs: number;
  #checkedAtMs: number;
  #loggedAtMs = Number.NaN;
  #reason = '';

  constructor(options: MasterWatchOptions) {
    this.#options = options;
    this.#heardAtMs = this.#checkedAtMs = options.clock();
  }

  /** Why no master is heard; '' while one is. */
  get reason(): string {
    return this.#reason;
  }

  /** A master's table was accepted. */
  heard(): void {
    const { clock, log, onHeard } = this.#options;
    this.#heardAtMs = clock();
    if (this.#reason === '') return;
    this.#reason = '';
    this.#loggedAtMs = Number.NaN;
    log('info', 'a master is heard again');
    onHeard();
  }

  /** Call a few times a second. */
  check(): void {
    const { clock, log, why, onAlone, leaseTtlMs } = this.#options;
    const nowMs = clock();
    // After a pause of the process, tables that arrived meanwhile have not been read yet.
    const pauseMs = nowMs - this.#checkedAtMs;
    this.#checkedAtMs = nowMs;
    if (pauseMs > LATE_MS) this.#heardAtMs += pauseMs;
    const silentMs = nowMs - this.#heardAtMs;
    if (silentMs < Math.max(ALONE_AFTER_MS, ALONE_AFTER_LEASES * leaseTtlMs)) return;
    this.#reason = why();
    if (nowMs - this.#loggedAtMs < MINUTE) return;
    this.#loggedAtMs = nowMs;
    log('warn', 'no master is heard: this balancer checks its hosts itself', {
      seconds: Math.round(silentMs / 1000),
      reason: this.#reason,
    });
    onAlone();
  }
}
