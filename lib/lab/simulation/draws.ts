// Random numbers for the simulation. Each part has its own stream, so that the draws of one policy do not change the
// arrivals or neighbours of the others.

import { Random } from '../../routing/random.js';
import type { Quantity } from './scenario.js';

const WHOLE = 2 ** 32;

/** Mean of max(0, 1 + Z) for a standard normal Z: Φ(1) + φ(1). */
const CLAMPED_MEAN = 0.841345 + 0.241971;

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
    switch (spread) {
      case 'fixed':
        return mean;
      case 'exponential':
        return this.exponential(mean);
      case 'lognormal':
        return this.lognormal(mean, sigma);
      case 'normal':
        return this.clampedNormal(mean);
    }
  }

  /**
   * A number from a normal distribution whose standard deviation is its mean, with 0 in place of what is negative; `mean`
   * is the mean after that.
   */
  clampedNormal(mean: number): number {
    return Math.max(0, (mean / CLAMPED_MEAN) * (1 + this.#normal()));
  }

  /** A number from a lognormal distribution with this mean; `sigma` is the standard deviation of its logarithm. */
  lognormal(mean: number, sigma: number): number {
    return mean * Math.exp(sigma * this.#normal() - (sigma * sigma) / 2);
  }

  /** A number from the standard normal distribution (Box and Muller, 1958). */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}
