// The request costs that the master has learned and published. A new master keeps its predecessor's costs, class by
// class, until it has estimates of its own.

import type { Costs } from '../model.js';
import { type CostEstimate, CostModel } from '../learning/cost-model.js';
import { REST_NAME } from '../routing/request-classes.js';
import { UNKNOWN_COST_MS } from '../table/class-costs.js';

/** Costs are published again when one of them changed by this fraction. */
const PUBLISHED_CHANGE = 0.05;

/** How costs changed. */
export interface CostChange {
  /** Factor by which requests became more expensive overall. */
  readonly growth: number;
  /** The fraction of all work (0..1) that was attributed to the wrong class: differences between hosts were misjudged by this much. */
  readonly moved: number;
}

const UNCHANGED: CostChange = { growth: 1, moved: 0 };

/** The costs of one mastership. */
export class FleetCosts {
  readonly model = new CostModel();
  #published: ReadonlyMap<string, number> = new Map();
  /** Classes of which this master has published only an estimate by duration. */
  readonly #guessed = new Set<string>();
  #isChanged = false;

  /** Takes over an earlier master's costs. */
  seed(costs: Costs): void {
    if (this.#published.size === 0) this.#published = new Map(costs);
  }

  /** The published costs, or those about to be. */
  get published(): Costs {
    return [...this.#published];
  }

  /** Whether costs must be published again. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** Returns the costs to publish; null when they did not change since the last call. */
  takeChange(): Costs | null {
    const costs = this.#isChanged ? this.published : null;
    this.#isChanged = false;
    return costs;
  }

  /** Updates the costs, once a second. Returns how they changed, since everything measured in work must be rescaled. */
  tick(nowMs: number): CostChange {
    this.model.tick(nowMs);
    const estimates = this.model.estimates();
    const costs = this.#merged(estimates);
    const isNear = ([name, costMs]: readonly [string, number]): boolean =>
      Math.abs(costMs - (this.#published.get(name) ?? 0)) <= PUBLISHED_CHANGE * costMs;
    if (costs.size === this.#published.size && [...costs].every(isNear)) return UNCHANGED;
    const change = changeOf(estimates, this.#published, costs);
    this.#published = costs;
    for (const name of this.#guessed) if (!costs.has(name)) this.#guessed.delete(name);
    this.#isChanged = true;
    return change;
  }

  /**
   * Merges estimates and published costs. A guess replaces only this master's own guesses; published costs are dropped
   * once any class has a fitted estimate.
   */
  #merged(estimates: readonly CostEstimate[]): ReadonlyMap<string, number> {
    const known = this.model.costs();
    const costed = estimates.filter(({ name }) => known.has(name));
    for (const { name, confidence } of costed) {
      if (confidence > 0) this.#guessed.delete(name);
      else if (!this.#published.has(name)) this.#guessed.add(name);
    }
    const isFitted = estimates.some(({ confidence }) => confidence > 0);
    const merged = new Map(isFitted ? [] : this.#published);
    for (const { name, confidence } of costed) {
      const isOurs = confidence > 0 || this.#guessed.has(name);
      merged.set(name, (isOurs ? known : this.#published).get(name) as number);
    }
    return merged;
  }
}

/** Compares new costs with the previous ones, weighted by the number of requests in each class. */
function changeOf(estimates: readonly CostEstimate[], before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): CostChange {
  const work = estimates.flatMap(({ name, samples }): (readonly [old: number, now: number])[] => {
    // Balancers assume the rest's cost for a new class.
    const was = before.get(name) ?? before.get(REST_NAME) ?? (before.size === 0 ? UNKNOWN_COST_MS : undefined);
    const is = after.get(name);
    return was === undefined || is === undefined ? [] : [[samples * was, samples * is]];
  });
  const sumOf = (at: 0 | 1): number => work.reduce((sum, each) => sum + each[at], 0);
  const [old, now] = [sumOf(0), sumOf(1)];
  if (!(old > 0 && now > 0)) return UNCHANGED;
  return { growth: now / old, moved: work.reduce((sum, each) => sum + Math.abs(each[1] / now - each[0] / old), 0) / 2 };
}
