// The request costs that the master has learned and published, of one group of pools (pool-costs.ts). Classes have their
// names in the whole fleet. A new master keeps its predecessor's costs, class by class, until it has estimates of its own.

import { groupedBy } from '../grouped-by.js';
import { classKeyOf, poolOfClassKey } from '../host-id.js';
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

/** How costs changed, by pool; nothing changed in a pool that is missing. */
export type CostChanges = ReadonlyMap<string, CostChange>;

const NO_CHANGES: CostChanges = new Map();

/** The costs of one group of pools during one mastership. */
export class FleetCosts {
  readonly model = new CostModel();
  #published: ReadonlyMap<string, number> = new Map();
  /** Classes of which this master has published only an estimate by duration. */
  readonly #guessed = new Set<string>();
  #isChanged = false;

  /** Takes over the costs that were published elsewhere, of classes that have none here. */
  seed(costs: Costs): void {
    this.#published = new Map([...costs, ...this.#published]);
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

  /**
   * Updates the costs, once a second. Returns how they changed, since everything measured in work must be rescaled.
   * @param mayFit as of `CostModel.tick`
   */
  tick(nowMs: number, mayFit = true): CostChanges {
    this.model.tick(nowMs, mayFit);
    const estimates = this.model.estimates();
    const costs = this.#merged(estimates);
    const isNear = ([name, costMs]: readonly [string, number]): boolean =>
      Math.abs(costMs - (this.#published.get(name) ?? 0)) <= PUBLISHED_CHANGE * costMs;
    if (costs.size === this.#published.size && [...costs].every(isNear)) return NO_CHANGES;
    const changes = changesOf(estimates, this.#published, costs);
    this.#published = costs;
    for (const name of this.#guessed) if (!costs.has(name)) this.#guessed.delete(name);
    this.#isChanged = true;
    return changes;
  }

  /**
   * Merges estimates and published costs. A guess replaces only this master's own guesses; published costs of a pool are
   * dropped once any class of it has a fitted estimate.
   */
  #merged(estimates: readonly CostEstimate[]): ReadonlyMap<string, number> {
    const known = this.model.costs();
    const costed = estimates.filter(({ name }) => known.has(name));
    for (const { name, confidence } of costed) {
      if (confidence > 0) this.#guessed.delete(name);
      else if (!this.#published.has(name)) this.#guessed.add(name);
    }
    const fitted = new Set(estimates.filter(({ confidence }) => confidence > 0).map(({ name }) => poolOfClassKey(name)));
    const merged = new Map([...this.#published].filter(([name]) => !fitted.has(poolOfClassKey(name))));
    for (const { name, confidence } of costed) {
      const isOurs = confidence > 0 || this.#guessed.has(name);
      merged.set(name, (isOurs ? known : this.#published).get(name) as number);
    }
    return merged;
  }
}

/** Compares new costs with the previous ones, pool by pool. */
function changesOf(
  estimates: readonly CostEstimate[],
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): CostChanges {
  const byPool = groupedBy(estimates, ({ name }) => poolOfClassKey(name));
  return new Map([...byPool].map(([pool, those]) => [pool, changeOf(those, pool, before, after)]));
}

/** Compares those of one pool, weighted by the number of requests in each class. */
function changeOf(
  estimates: readonly CostEstimate[],
  pool: string,
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): CostChange {
  const rest = classKeyOf(pool, REST_NAME);
  const work = estimates.flatMap(({ name, samples }): (readonly [old: number, now: number])[] => {
    // Balancers assume the rest's cost for a new class.
    const was = before.get(name) ?? before.get(rest) ?? (before.size === 0 ? UNKNOWN_COST_MS : undefined);
    const is = after.get(name);
    return was === undefined || is === undefined ? [] : [[samples * was, samples * is]];
  });
  const sumOf = (at: 0 | 1): number => work.reduce((sum, each) => sum + each[at], 0);
  const [old, now] = [sumOf(0), sumOf(1)];
  if (!(old > 0 && now > 0)) return UNCHANGED;
  return { growth: now / old, moved: work.reduce((sum, each) => sum + Math.abs(each[1] / now - each[0] / old), 0) / 2 };
}
