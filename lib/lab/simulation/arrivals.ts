// The requests that come: a Poisson stream, drawn from streams of their own, so that every policy is asked the same
// at the same moments.

import { Draws } from './draws.js';
import { meanCapacityOf, meanCostOf, type RequestClass, type Scenario } from './scenario.js';

/** The next request of all, and how to go on to the one after. */
export class Arrivals {
  /** When it comes. */
  nextMs = 0;
  /** Its class, by its place in the scenario, and its work in ms. */
  class = 0;
  cost = 0;
  readonly #times: Draws;
  readonly #costs: Draws;
  readonly #gapMs: number;
  readonly #classes: readonly RequestClass[];
  /** Up to where each class reaches, of 1. */
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

  /** Goes on to the next one. */
  next(): void {
    this.nextMs += this.#times.exponential(this.#gapMs);
    const draw = this.#costs.uniform();
    let at = 0;
    // The last one takes what rounding leaves.
    while (at < this.#bounds.length - 1 && draw >= (this.#bounds[at] as number)) at++;
    const { costMs, spread, sigma } = this.#classes[at] as RequestClass;
    this.class = at;
    this.cost =
      spread === 'fixed' ? costMs : spread === 'exponential' ? this.#costs.exponential(costMs) : this.#costs.lognormal(costMs, sigma);
  }
}
