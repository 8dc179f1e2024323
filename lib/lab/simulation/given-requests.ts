// Requests that are given one by one, such as those that a real load has sent: a simulation of that load gets the very same
// ones, so that chance in them is no difference between the two.

import type { RequestSource } from './arrivals.js';

/** Requests in the order of their arrival, as columns of equal length. */
export interface GivenRequests {
  readonly atMs: ArrayLike<number>;
  /** The class of each, as an index into the scenario's, and its work in ms. */
  readonly kind: ArrayLike<number>;
  readonly workMs: ArrayLike<number>;
  /** The index of its balancer. */
  readonly to: ArrayLike<number>;
}

/** Hands them out in order; after the last one no other comes. Nothing waits, streams or is read slowly. */
export class GivenArrivals implements RequestSource {
  nextMs = Number.POSITIVE_INFINITY;
  class = 0;
  cost = 0;
  readonly waitMs = 0;
  readonly heldMs = 0;
  readonly streamMs = 0;
  /** The balancer of the next request. */
  to = 0;
  readonly #requests: GivenRequests;
  #next = 0;

  constructor(requests: GivenRequests) {
    this.#requests = requests;
    this.next();
  }

  next(): void {
    const { atMs, kind, workMs, to } = this.#requests;
    const index = this.#next++;
    this.nextMs = atMs[index] ?? Number.POSITIVE_INFINITY;
    this.class = kind[index] ?? 0;
    this.cost = workMs[index] ?? 0;
    this.to = to[index] ?? 0;
  }

  streamMsOf(): number {
    return 0;
  }
}
