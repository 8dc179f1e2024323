// Chooses the pool of a request among those of its route, by weight. Each pool is due at even intervals of a virtual
// time, `1 / weight` (stride scheduling: Waldspurger and Weihl, 1995), and the one that is due first is chosen. After
// any number of requests each pool has had its share to within one request for each pool, and none comes in bursts.
// Where a split begins is random: so a fleet's balancers don't send in step, and also the first requests after a new site
// go to each pool with the probability that its weight says.

import type { Random } from './random.js';

/** The resolution of a random start. */
const PARTS = 2 ** 32;

/** The split of one route. */
export class Split {
  readonly #weights: Float64Array;
  /** How often each pool was chosen, plus its random start in [0, 1): kept as a count, so that no rounding adds up. */
  readonly #turns: Float64Array;

  /** @param weights of the pools, in order; integers from 0 to 1000000, not all 0. A pool of weight 0 is never chosen. */
  constructor(weights: readonly number[], random: Random) {
    this.#weights = Float64Array.from(weights);
    this.#turns = Float64Array.from(weights, () => random.below(PARTS) / PARTS);
    // As right after a request in the midst of all: one pool, by weight, has just had its turn, and the others' turns
    // are anywhere.
    let rest = random.below(weights.reduce((sum, weight) => sum + weight, 0));
    const last = weights.findIndex((weight) => (rest -= weight) < 0);
    this.#turns[last] = 1;
  }

  /** The index of the next request's pool. */
  next(): number {
    const weights = this.#weights;
    const turns = this.#turns;
    let chosen = 0;
    let first = Number.POSITIVE_INFINITY;
    for (let i = 0; i < weights.length; i++) {
      // Of weight 0: after everything else, or not a number; in either case not less.
      const due = (turns[i] as number) / (weights[i] as number);
      if (due < first) {
        first = due;
        chosen = i;
      }
    }
    turns[chosen] = (turns[chosen] as number) + 1;
    return chosen;
  }
}
