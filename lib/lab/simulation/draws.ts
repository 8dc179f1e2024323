// Random numbers for the simulation. Each part has its own stream, so that the draws of one policy do not change the
// arrivals or neighbours of the others.

import { Random } from '../../routing/random.js';
import type { Quantity } from './scenario.js';

const WHOLE = 2 ** 32;

/** A random stream; the same seed and salt give the same numbers. */
export class Draws {
  readonly #random: Random;

  /** @param salt distinguishes the streams of one seed */
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

  /** A number from an exponential distribution with this mean. */
  exponential(mean: number): number {
    return -Math.log(1 - this.uniform()) * mean;
  }

  /** A value of this quantity. */
  quantity({ mean, spread, sigma }: Quantity): number {
    return spread === 'fixed' ? mean : spread === 'exponential' ? this.exponential(mean) : this.lognormal(mean, sigma);
  }

  /** A number from a lognormal distribution with this mean; `sigma` is the standard deviation of its logarithm (Box and Muller, 1958). */
  lognormal(mean: number, sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
    return mean * Math.exp(sigma * normal - (sigma * sigma) / 2);
  }
}
