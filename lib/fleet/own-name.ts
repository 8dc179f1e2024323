// Decides whether this balancer owns its name. The first to write a heartbeat under a name owns it until the heartbeat
// expires. A starting balancer waits for that, as its predecessor may just have been killed; if the other one keeps
// renewing its heartbeat, the name is taken. Has no clock and does no I/O.

import { HEARTBEAT_TTL_MS, type NameHolder, type NameStanding } from '../redis/fleet-store.js';

/**
 * - `unknown`: no heartbeat has been answered yet;
 * - `ours`: this balancer takes part in the fleet under its name;
 * - `waiting`: another heartbeat exists, perhaps of a dead process;
 * - `taken`: a live balancer owns the name.
 */
export type NameState = 'unknown' | 'ours' | 'waiting' | 'taken';

/** A heartbeat whose expiry moved by more than this was renewed; clocks run differently by less. */
const RENEWED_BY_MS = 250;

/** Tracks who owns the name of one balancer. */
export class OwnName {
  #state: NameState = 'unknown';
  #holder: NameHolder | null = null;
  /** When the other's heartbeat was last seen, and until when at most it lasts if it is not renewed. */
  #seenAtMs = Number.NEGATIVE_INFINITY;
  #endsByMs = Number.NEGATIVE_INFINITY;

  get state(): NameState {
    return this.#state;
  }

  /** The other owner, while its heartbeat is awaited or it owns the name. */
  get holder(): NameHolder | null {
    return this.#holder;
  }

  /**
   * Whether the next heartbeat may claim a free name. A balancer that lost its name first gives the other one time to
   * write again, in case Redis lost its data.
   */
  mayClaim(nowMs: number): boolean {
    return this.#state !== 'taken' || nowMs - this.#seenAtMs >= HEARTBEAT_TTL_MS;
  }

  /**
   * Applies the result of a heartbeat and returns the new state. Redis looked at some moment between `sentAtMs` and
   * `nowMs`: a late reply, or a process that stalled before it read it, is no sign that the other one lives.
   */
  take(found: NameStanding, nowMs: number, sentAtMs = nowMs): NameState {
    switch (found.kind) {
      case 'ours':
        this.#state = 'ours';
        this.#holder = null;
        break;
      case 'free':
        break;
      case 'held': {
        const { holder } = found;
        const isSame = holder.instance === this.#holder?.instance;
        // A new owner that appeared during the wait has just started, so it is alive.
        const isAlive = !isSame || sentAtMs + holder.leftMs > this.#endsByMs + RENEWED_BY_MS;
        if (this.#state === 'unknown') this.#state = 'waiting';
        else if (this.#state === 'ours' || isAlive) this.#state = 'taken';
        this.#holder = holder;
        this.#seenAtMs = nowMs;
        this.#endsByMs = isAlive ? nowMs + holder.leftMs : Math.min(this.#endsByMs, nowMs + holder.leftMs);
      }
    }
    return this.#state;
  }
}

/** Describes the owner of a name for people. */
export function describeHolder({ pid, machine, since }: NameHolder): string {
  return `process ${pid} on ${machine}, since ${since}`;
}
