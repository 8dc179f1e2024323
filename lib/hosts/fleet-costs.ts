// What requests cost, as the master has learned it and told the fleet. A new master goes on from what its
// predecessor told, class by class, until it knows better itself.

import type { Costs } from '../model.js';
import { type CostEstimate, CostModel } from '../routing/cost-model.js';

/** Costs are told anew when one of them changed by this share. */
const TOLD_CHANGE = 0.05;

/** Where nothing was ever told, balancers count every request as so much work. */
const UNTOLD_COST_MS = 1;

/** The costs of one mastership. */
export class FleetCosts {
  readonly model = new CostModel();
  #told: ReadonlyMap<string, number> = new Map();
  #isChanged = false;

  /** Takes over what an earlier master told. */
  seed(costs: Costs): void {
    if (this.#told.size === 0) this.#told = new Map(costs);
  }

  /** What the fleet was told, or is about to be. */
  get told(): Costs {
    return [...this.#told];
  }

  /** Whether the fleet is to be told anew. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** What the fleet is to be told; null when that did not change since the last call. */
  takeChange(): Costs | null {
    const costs = this.#isChanged ? this.told : null;
    this.#isChanged = false;
    return costs;
  }

  /** To be called each second; gives by how much costs grew on the whole: all that is reckoned in work goes along. */
  tick(nowMs: number): number {
    this.model.tick(nowMs);
    const estimates = this.model.estimates();
    const costs = this.#merged(estimates);
    const isNear = ([name, costMs]: readonly [string, number]): boolean => Math.abs(costMs - (this.#told.get(name) ?? 0)) <= TOLD_CHANGE * costMs;
    if (costs.size === this.#told.size && [...costs].every(isNear)) return 1;
    const growth = growthOf(estimates, this.#told, costs);
    this.#told = costs;
    this.#isChanged = true;
    return growth;
  }

  /** What is known now: a guess does not take the place of what was told, and what was told goes once there is more than guesses. */
  #merged(estimates: readonly CostEstimate[]): ReadonlyMap<string, number> {
    const isFitted = estimates.some(({ confidence }) => confidence > 0);
    const known = this.model.costs();
    const merged = new Map(isFitted ? [] : this.#told);
    for (const { name, confidence } of estimates) {
      const costMs = known.get(name);
      if (costMs === undefined) continue;
      merged.set(name, confidence > 0 ? costMs : (this.#told.get(name) ?? costMs));
    }
    return merged;
  }
}

/** How many times as dear as before requests are taken to be, by how many there were of each class. */
function growthOf(estimates: readonly CostEstimate[], before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): number {
  let [old, now] = [0, 0];
  for (const { name, samples } of estimates) {
    const was = before.get(name) ?? (before.size === 0 ? UNTOLD_COST_MS : undefined);
    const is = after.get(name);
    if (was === undefined || is === undefined) continue;
    old += samples * was;
    now += samples * is;
  }
  return old > 0 && now > 0 ? now / old : 1;
}
