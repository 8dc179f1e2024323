// The slowest requests since they were last taken, for people: who looks at the fleet sees them within seconds, and
// `meercat why` explains each. A request that is not among them costs one comparison.

import type { OwnSlowRequest } from '../../fleet-figures.js';

/** How many are kept. */
export const SLOWEST_KEPT = 20;

/** Collects the slowest requests of one balancer. */
export class OwnSlowest {
  #kept: OwnSlowRequest[] = [];
  /** What a request must exceed to be kept, in ms. */
  #thresholdMs = Number.NEGATIVE_INFINITY;

  /** Whether a request of this duration is to be noted. */
  isSlow(durationMs: number): boolean {
    return durationMs > this.#thresholdMs;
  }

  /** Keeps a request for which `isSlow` was true; the fastest of those that were kept may drop out. */
  note(request: OwnSlowRequest): void {
    const kept = this.#kept;
    let at = kept.length;
    while (at > 0 && (kept[at - 1] as OwnSlowRequest).durationMs < request.durationMs) at--;
    kept.splice(at, 0, request);
    if (kept.length > SLOWEST_KEPT) kept.pop();
    if (kept.length === SLOWEST_KEPT) this.#thresholdMs = (kept[SLOWEST_KEPT - 1] as OwnSlowRequest).durationMs;
  }

  /** The slowest requests since the last call, the slowest first. */
  take(): readonly OwnSlowRequest[] {
    const kept = this.#kept;
    this.#kept = [];
    this.#thresholdMs = Number.NEGATIVE_INFINITY;
    return kept;
  }
}
