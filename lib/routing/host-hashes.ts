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
}
