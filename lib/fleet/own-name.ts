// Whether this balancer has its name for itself. Who writes the heartbeat under a name first has it, until the
// heartbeat runs out. A balancer that starts waits for that, as the one before it may have been killed a moment ago;
// if the other one goes on to beat, the name is taken. Has no clock and does no I/O.

import { HEARTBEAT_TTL_MS, type NameHolder, type NameStanding } from '../redis/fleet-store.js';

/**
 * - `unknown`: no heartbeat was answered yet;
 * - `ours`: this balancer takes part in the fleet under its name;
 * - `waiting`: another heartbeat stands there, perhaps of a process that is dead;
 * - `taken`: another balancer lives under this name.
 */
export type NameState = 'unknown' | 'ours' | 'waiting' | 'taken';

/** A heartbeat's lifetime that is this much longer than it would be by now was renewed; round trips differ by less. */
const RENEWED_BY_MS = 250;

/** The standing of one balancer's name. */
export class OwnName {
  #state: NameState = 'unknown';
  #holder: NameHolder | null = null;
  /** When another one's heartbeat was last seen, and when that would run out. */
  #seenAtMs = Number.NEGATIVE_INFINITY;
  #endsAtMs = Number.NEGATIVE_INFINITY;

  get state(): NameState {
    return this.#state;
  }

  /** The other one, while it is waited for or has the name. */
  get holder(): NameHolder | null {
    return this.#holder;
  }

  /** Whether the next heartbeat may claim the name when nobody has it. One that has lost it gives the other the time to write again, should Redis have lost its data. */
  mayClaim(nowMs: number): boolean {
    return this.#state !== 'taken' || nowMs - this.#seenAtMs >= HEARTBEAT_TTL_MS;
  }

  /** Takes what a heartbeat found; gives the state that follows. */
  take(found: NameStanding, nowMs: number): NameState {
    switch (found.kind) {
      case 'ours':
        this.#state = 'ours';
        this.#holder = null;
        break;
      case 'free':
        break;
      case 'held': {
        const { holder } = found;
        const endsAtMs = nowMs + holder.leftMs;
        // One that took it while it was waited for has just started.
        const isAlive = holder.instance !== this.#holder?.instance || endsAtMs > this.#endsAtMs + RENEWED_BY_MS;
        if (this.#state === 'unknown') this.#state = 'waiting';
        else if (this.#state === 'ours' || isAlive) this.#state = 'taken';
        this.#holder = holder;
        this.#seenAtMs = nowMs;
        this.#endsAtMs = endsAtMs;
      }
    }
    return this.#state;
  }
}

/** Who has the name, in a phrase for people. */
export function describeHolder({ pid, machine, since }: NameHolder): string {
  return `process ${pid} on ${machine}, since ${since}`;
}
