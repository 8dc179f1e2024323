// The hashes of hosts' ids by slot: how balancers that gave a host different slots agree on it. Invariant: whoever fills a
// slot sets its hash before the slot can be a candidate.

import { TextHash } from './text-hash.js';

/** One for all pools of a process. */
export class HostHashes {
  readonly hi: Int32Array;
  readonly lo: Int32Array;
  readonly #hash = new TextHash();

  /** @param slots slots of the host table */
  constructor(slots: number) {
    this.hi = new Int32Array(slots);
    this.lo = new Int32Array(slots);
  }

  /** A host with this id (lib/host-id.ts) took the slot. */
  set(slot: number, id: string): void {
    this.#hash.take(id);
    this.hi[slot] = this.#hash.hi;
    this.lo[slot] = this.#hash.lo;
  }

  /** The candidate with this hash, as a slot; -1: none. O(candidates). */
  slotOf(candidates: Int32Array, hi: number, lo: number): number {
    const count = candidates[0] as number;
    for (let place = 1; place <= count; place++) {
      const slot = candidates[place] as number;
      if (this.lo[slot] === lo && this.hi[slot] === hi) return slot;
    }
    return -1;
  }
}
