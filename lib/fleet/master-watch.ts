// Whether this balancer hears a master: tables come from one, which is another fact than that Redis can be reached.
// While none is heard, the balancer checks its hosts itself, and says why there is no master: in the log at once and
// then each minute, and in its heartbeat.

import type { Clock } from '../clock.js';
import { MINUTE } from '../clock.js';
import type { Log } from '../log.js';
import { LATE_MS } from '../timeout.js';

/** A balancer that has heard no master for this long checks its hosts itself. */
const ALONE_AFTER_MS = 3000;

/** With a long lease a failover takes longer: up to one lease and the succession. */
const ALONE_AFTER_LEASES = 2;

/** What it is handed. */
export interface MasterWatchOptions {
  readonly leaseTtlMs: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Why there is no master, as far as this balancer knows; one phrase. */
  readonly why: () => string;
  /** No master has been heard for long enough to be on one's own. */
  readonly onAlone: () => void;
  /** A master is heard again. */
  readonly onHeard: () => void;
}

/** Listens for the master of one balancer. */
export class MasterWatch {
  readonly #options: MasterWatchOptions;
  #heardAtMs: number;
  #lookedAtMs: number;
  #saidAtMs = Number.NaN;
  #reason = '';

  constructor(options: MasterWatchOptions) {
    this.#options = options;
    this.#heardAtMs = this.#lookedAtMs = options.clock();
  }

  /** Why no master is heard; '' while one is. */
  get reason(): string {
    return this.#reason;
  }

  /** A table of a master was taken. */
  heard(): void {
    const { clock, log, onHeard } = this.#options;
    this.#heardAtMs = clock();
    if (this.#reason === '') return;
    this.#reason = '';
    this.#saidAtMs = Number.NaN;
    log('info', 'a master is heard again');
    onHeard();
  }

  /** To be called a few times a second. */
  look(): void {
    const { clock, log, why, onAlone, leaseTtlMs } = this.#options;
    const nowMs = clock();
    // After a pause of the process the tables that came meanwhile are not read yet.
    const pauseMs = nowMs - this.#lookedAtMs;
    this.#lookedAtMs = nowMs;
    if (pauseMs > LATE_MS) this.#heardAtMs += pauseMs;
    const silentMs = nowMs - this.#heardAtMs;
    if (silentMs < Math.max(ALONE_AFTER_MS, ALONE_AFTER_LEASES * leaseTtlMs)) return;
    this.#reason = why();
    if (nowMs - this.#saidAtMs < MINUTE) return;
    this.#saidAtMs = nowMs;
    log('warn', 'no master is heard: this balancer checks its hosts itself', {
      seconds: Math.round(silentMs / 1000),
      reason: this.#reason,
    });
    onAlone();
  }
}
