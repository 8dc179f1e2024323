// Random numbers of every kind that the simulation needs, each part from a stream of its own: what one policy
// draws changes nothing of the arrivals or the neighbours that the others see.

import { Random } from '../../routing/random.js';

const WHOLE = 2 ** 32;

/** One stream of draws; the same seed and salt give the same stream. */
export class Draws {
  readonly #random: Random;

  /** @param salt tells streams of one seed apart */
  constructor(seed: number, salt: number) {
    this.#random = new Random(Math.imul(seed, 0x9e3779b1) + Math.imul(salt, 0x85ebca77));
  }

  /** A number in [0, 1). */
  uniform(): number {
    return this.#random.below(WHOLE) / WHOLE;
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.#random.below(bound);
  }

  /** Of an exponential distribution with this mean. */
  exponential(mean: number): number {
    return -Math.log(1 - this.uniform()) * mean;
  }

  /** Of a lognormal distribution with this mean; `sigma` is the deviation of its logarithm (Box and Muller, 1958). */
  lognormal(mean: number, sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
    return mean * Math.exp(sigma * normal - (sigma * sigma) / 2);
  }
}
