// Keeps the local table in step with the master's: takes its messages in order, drops old ones, and
// when one is missing asks for the snapshot and replays what came meanwhile. Does no I/O itself.
// Invariant: what was applied has a stamp that only grows, until `restart` says that it was none of a master's.

import type { HostTable, Stamp } from '../model.js';
import { areRivals, isNewer } from '../table/stamp.js';

/** Messages held while the snapshot is on its way; older ones are let go, and a later snapshot makes up for it. */
const MAX_HELD = 1000;

/** What became of a message. */
export type OrderOutcome =
  /** These are to be written to the table now, in this order. */
  | { readonly kind: 'apply'; readonly tables: readonly HostTable[] }
  /** Not newer than what was applied. */
  | { readonly kind: 'old' }
  /** Of another mastership that holds the term of what was applied: neither is newer. */
  | { readonly kind: 'rival' }
  /** One before it is missing: read the snapshot. */
  | { readonly kind: 'gap' };

/** The order of the master's messages, as one balancer sees it. */
export class TableOrder {
  #stamp: Stamp;
  #held: HostTable[] = [];

  constructor(stamp: Stamp) {
    this.#stamp = stamp;
  }

  /** True while messages are missing: the snapshot should be read (again). */
  get isBehind(): boolean {
    return this.#held.length > 0;
  }

  /** A message from the `stats` channel. */
  onMessage(table: HostTable): OrderOutcome {
    if (areRivals(table.stamp, this.#stamp)) return { kind: 'rival' };
    if (!isNewer(table.stamp, this.#stamp)) return { kind: 'old' };
    if (!table.isFull && !this.#follows(table)) {
      this.#held.push(table);
      if (this.#held.length > MAX_HELD) this.#held.shift();
      return { kind: 'gap' };
    }
    return this.#take(table);
  }

  /** The snapshot from Redis, which may be older than what is held, or than what was applied. */
  onSnapshot(table: HostTable): OrderOutcome {
    if (areRivals(table.stamp, this.#stamp)) return { kind: 'rival' };
    if (!isNewer(table.stamp, this.#stamp)) return { kind: 'old' };
    return this.#take(table);
  }

  /** The snapshot, whatever was applied before: Redis says that it is of the mastership in force, so what seems newer is not. */
  restart(snapshot: HostTable): OrderOutcome {
    return this.#take(snapshot);
  }

  #take(table: HostTable): OrderOutcome {
    const tables = [table];
    this.#stamp = table.stamp;
    const waiting = this.#held.toSorted((a, b) => Number(isNewer(a.stamp, b.stamp)) - Number(isNewer(b.stamp, a.stamp)));
    this.#held = [];
    for (const held of waiting) {
      // What is not newer now was in the table already, or came twice.
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
