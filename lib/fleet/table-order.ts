// Orders the master's tables: applies messages in sequence, drops old ones and, after a gap, asks for the snapshot and
// replays what arrived meanwhile. Does no I/O itself. Invariant: the applied stamp only grows, until `restart` rules
// that it was not a master's.

import type { HostTable, Stamp } from '../model.js';
import { areRivals, isNewer } from '../table/stamp.js';

/** Maximum messages held until the snapshot arrives; the oldest are dropped, and a later snapshot makes up for them. */
const MAX_HELD = 1000;

/** The outcome of a message. */
export type OrderOutcome =
  /** Write these tables now, in this order. */
  | { readonly kind: 'apply'; readonly tables: readonly HostTable[] }
  /** Not newer than the applied table, or of a deposed master. */
  | { readonly kind: 'old' }
  /** From another mastership with the same term: neither is newer. */
  | { readonly kind: 'rival' }
  /** A preceding message is missing: read the snapshot. */
  | { readonly kind: 'gap' };

/** The order of the master's messages, as seen by one balancer. */
export class TableOrder {
  #stamp: Stamp;
  readonly #highestTerm: () => number;
  #held: HostTable[] = [];

  /** @param highestTerm the highest term that this balancer has seen */
  constructor(stamp: Stamp, highestTerm: () => number = () => 0) {
    this.#stamp = stamp;
    this.#highestTerm = highestTerm;
  }

  /** True while messages are missing and the snapshot should be read (again). */
  get isBehind(): boolean {
    return this.#held.length > 0;
  }

  /** Handles a message from the `stats` channel. */
  onMessage(table: HostTable): OrderOutcome {
    if (areRivals(table.stamp, this.#stamp)) return { kind: 'rival' };
    // A deposed master that was frozen publishes until it hears of the new term. The snapshot may be of an older term: the
    // new master continues from it.
    if (!isNewer(table.stamp, this.#stamp) || table.stamp.term < this.#highestTerm()) return { kind: 'old' };
    if (!table.isFull && !this.#follows(table)) {
      this.#held.push(table);
      if (this.#held.length > MAX_HELD) this.#held.shift();
      return { kind: 'gap' };
    }
    return this.#take(table);
  }

  /** Handles the snapshot from Redis, which may be older than the held messages or the applied table. */
  onSnapshot(table: HostTable): OrderOutcome {
    if (areRivals(table.stamp, this.#stamp)) return { kind: 'rival' };
    if (!isNewer(table.stamp, this.#stamp)) return { kind: 'old' };
    return this.#take(table);
  }

  /** Applies the snapshot unconditionally: Redis confirms its mastership, so a stamp that seems newer is false. */
  restart(snapshot: HostTable): OrderOutcome {
    return this.#take(snapshot);
  }

  #take(table: HostTable): OrderOutcome {
    const tables = [table];
    this.#stamp = table.stamp;
    const waiting = this.#held.toSorted((a, b) => Number(isNewer(a.stamp, b.stamp)) - Number(isNewer(b.stamp, a.stamp)));
    this.#held = [];
    for (const held of waiting) {
      // Not newer: the table contains it already, or it arrived twice.
      if (!isNewer(held.stamp, this.#stamp)) continue;
      if (this.#follows(held)) {
        tables.push(held);
        this.#stamp = held.stamp;
      } else {
        this.#held.push(held);
      }
    }
    return { kind: 'apply', tables };
  }

  #follows(table: HostTable): boolean {
    return table.stamp.term === this.#stamp.term && table.previousSeq === this.#stamp.seq && !areRivals(table.stamp, this.#stamp);
  }
}
