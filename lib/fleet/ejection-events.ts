// Tells the fleet when this balancer ejects a host for failures of its own requests, and when it lets it in again. Bounded: a
// network that fails makes a balancer eject many hosts at once.

import { type Clock, SECOND } from '../clock.js';
import type { FleetEvent } from '../redis/event-message.js';
import type { Count } from '../table/counters.js';

/** Most events in a second. */
const MAX_PER_SECOND = 10;

/** The dependencies of `EjectionEvents`. */
export interface EjectionEventsOptions {
  readonly balancer: string;
  readonly clock: Clock;
  readonly count: Count;
  readonly announce: (event: FleetEvent) => void;
}

/** Announces the ejections of one balancer. */
export class EjectionEvents {
  readonly #options: EjectionEventsOptions;
  #secondAtMs = Number.NEGATIVE_INFINITY;
  #announced = 0;

  constructor(options: EjectionEventsOptions) {
    this.#options = options;
  }

  /** A host was ejected for a reason, or is let in again (null). */
  take(host: string, reason: string | null): void {
    const { balancer, clock, count, announce } = this.#options;
    const nowMs = clock();
    if (nowMs - this.#secondAtMs >= SECOND) {
      this.#secondAtMs = nowMs;
      this.#announced = 0;
    }
    if (this.#announced++ >= MAX_PER_SECOND) {
      count('ejection_events_dropped');
      return;
    }
    announce({
      kind: reason === null ? 'ejection-ended' : 'ejection-began',
      name: host,
      by: balancer,
      ...(reason !== null && { detail: reason }),
    });
  }
}
