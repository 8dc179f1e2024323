// Request arrivals: a Poisson process with its own random streams, so that every policy gets the same requests at the same
// times.

import { Draws } from './draws.js';
import { meanCapacityOf, meanCostOf, type RequestClass, type Scenario, type Spread } from './scenario.js';

/** The next request, and how to advance to the following one. */
export class Arrivals {
  /** Its arrival time. */
  nextMs = 0;
  /** Its class, as an index into the scenario's, and its work in ms. */
  class = 0;
  cost = 0;
  readonly #times: Draws;
  readonly #costs: Draws;
  readonly #gapMs: number;
  readonly #classes: readonly RequestClass[];
  /** Cumulative shares of the classes, up to 1. */
  readonly #bounds: readonly number[];

  constructor(scenario: Scenario, load: number, seed: number) {
    this.#times = new Draws(seed, 1);
    this.#costs = new Draws(seed, 2);
    this.#gapMs = meanCostOf(scenario) / (load * meanCapacityOf(scenario));
    this.#classes = scenario.requests;
    const total = scenario.requests.reduce((sum, { share }) => sum + share, 0);
    let bound = 0;
    this.#bounds = scenario.requests.map(({ share }) => (bound += share / total));
    this.next();
  }

  /** Advances to the next request. */
  next(): void {
    this.nextMs += this.#times.exponential(this.#gapMs);
    const draw = this.#costs.uniform();
    let at = 0;
    // The last class absorbs the rounding error.
    while (at < this.#bounds.length - 1 && draw >= (this.#bounds[at] as number)) at++;
    const { costMs, spread, sigma } = this.#classes[at] as RequestClass;
    this.class = at;
    this.cost = this.#draw(costMs, spread, sigma);
  }

  #draw(meanMs: number, spread: Spread, sigma: number): number {
    switch (spread) {
      case 'fixed':
        return meanMs;
      case 'exponential':
        return this.#costs.exponential(meanMs);
      case 'lognormal':
        return this.#costs.lognormal(meanMs, sigma);
      case 'normal':
        return this.#costs.clampedNormal(meanMs);
    }
  }
}
