// The latencies of a window that ends now, such as the last minute. It consists of equal steps, of which the newest is being
// filled, so it covers its length or up to one step less: 1/steps is its error. Memory is bounded by the steps. Pure.

import type { Quantiles, SparseCounts } from './fleet-figures.js';
import { addSparse, mergeSparse, NO_QUANTILES, quantilesOf, sparseTotal } from './sparse-latency.js';
import { LATENCY_BUCKETS } from './table/latency-buckets.js';

/** A window of `steps` × `stepSeconds`. */
export class LatencyWindow {
  readonly #stepSeconds: number;
  /** The counts of each step, by the step's number modulo their number. */
  readonly #steps: SparseCounts[];
  /** The sum of all steps; allocated with the first latency. */
  #sum: Uint32Array | undefined;
  #total = 0;
  /** Number of the newest step. */
  #newest = Number.NEGATIVE_INFINITY;

  constructor(steps: number, stepSeconds: number) {
    this.#stepSeconds = stepSeconds;
    this.#steps = Array.from({ length: steps }, () => []);
  }

  /** Number of latencies in the window. */
  get total(): number {
    return this.#total;
  }

  /** All of them, by bucket; undefined while there never was one. */
  get counts(): Uint32Array | undefined {
    return this.#sum;
  }

  /** Adds the latencies of a second, which must not be before an earlier one. */
  add(second: number, counts: SparseCounts): void {
    this.advance(second);
    if (counts.length === 0) return;
    this.#sum ??= new Uint32Array(LATENCY_BUCKETS);
    const at = this.#newest % this.#steps.length;
    this.#steps[at] = mergeSparse(this.#steps[at] as SparseCounts, counts);
    addSparse(this.#sum, counts);
    this.#total += sparseTotal(counts);
  }

  /** Moves on to a second, a whole number: what is now too old is forgotten. */
  advance(second: number): void {
    const step = Math.floor(second / this.#stepSeconds);
    const length = this.#steps.length;
    for (let each = Math.max(0, this.#newest + 1, step - length + 1); each <= step; each++) this.#forget(each % length);
    this.#newest = Math.max(this.#newest, step);
  }

  #forget(at: number): void {
    const old = this.#steps[at] as SparseCounts;
    this.#steps[at] = [];
    if (this.#sum === undefined || old.length === 0) return;
    addSparse(this.#sum, old, -1);
    this.#total -= sparseTotal(old);
  }

  quantiles(): Quantiles {
    return this.#sum === undefined ? NO_QUANTILES : quantilesOf(this.#sum, this.#total);
  }
}
