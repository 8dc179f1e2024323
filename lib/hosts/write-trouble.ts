// What went wrong with a master's writes: logged once, until they succeed again, and reported when nothing could be
// published for a whole lease. This thread's connection can be lost for good, say after a password change, while the fleet
// thread's, and with it the lease, lives on.

import type { Log } from '../log.js';

/** The failures of one mastership. */
export class WriteTrouble {
  readonly #log: Log;
  readonly #leaseTtlMs: number;
  #isFailing = false;
  /** Since when no flush has succeeded; NaN when the last one did. */
  #unwrittenSinceMs = Number.NaN;

  /** @param leaseTtlMs a write that fails for this long won't succeed soon */
  constructor(log: Log, leaseTtlMs: number) {
    this.#log = log;
    this.#leaseTtlMs = leaseTtlMs;
  }

  /** A flush that began at `sinceMs` failed by now. Returns whether none has succeeded for a whole lease; then starts anew. */
  failed(sinceMs: number, nowMs: number, reason: string): boolean {
    this.#warnOnce('the host table could not be published; tried again', reason);
    if (Number.isNaN(this.#unwrittenSinceMs)) this.#unwrittenSinceMs = sinceMs;
    if (nowMs - this.#unwrittenSinceMs < this.#leaseTtlMs) return false;
    this.#unwrittenSinceMs = Number.NaN;
    return true;
  }

  /** A flush was published, but Redis refused to store it. */
  notStored(reason: string): void {
    this.#warnOnce('the host table was published, but Redis refused to store it', reason);
    this.#unwrittenSinceMs = Number.NaN;
  }

  /** A flush succeeded. One with nothing to store does not show whether Redis would store it. */
  succeeded(hasStored: boolean): void {
    this.#unwrittenSinceMs = Number.NaN;
    if (!hasStored) return;
    if (this.#isFailing) this.#log('info', 'the host table is published and stored again');
    this.#isFailing = false;
  }

  #warnOnce(message: string, reason: string): void {
    if (!this.#isFailing) this.#log('warn', message, { reason });
    this.#isFailing = true;
  }
}
