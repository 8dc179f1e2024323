// What requests cost, as the master has learned it and told the fleet. A new master goes on from what its
// predecessor told, class by class, until it knows better itself.

import type { Costs } from '../model.js';
import { type CostEstimate, CostModel } from '../learning/cost-model.js';
import { REST_NAME } from '../routing/request-classes.js';

/** Costs are told anew when one of them changed by this share. */
const TOLD_CHANGE = 0.05;

/** Where nothing was ever told, balancers count every request as so much work. */
const UNTOLD_COST_MS = 1;

/** How costs changed. */
export interface CostChange {
  /** How many times as dear as before requests are, on the whole. */
  readonly growth: number;
  /** The share of all work (0..1) that was taken to be in other classes than it is: by so much differences between hosts were misjudged. */
  readonly moved: number;
}

const UNCHANGED: CostChange = { growth: 1, moved: 0 };

/** The costs of one mastership. */
export class FleetCosts {
  readonly model = new CostModel();
  #told: ReadonlyMap<string, number> = new Map();
  /** Classes of which this master has told no more than a guess. */
  readonly #guessed = new Set<string>();
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

  /** To be called each second; gives how costs changed: all that is reckoned in work goes along. */
  tick(nowMs: number): CostChange {
    this.model.tick(nowMs);
    const estimates = this.model.estimates();
    const costs = this.#merged(estimates);
    const isNear = ([name, costMs]: readonly [string, number]): boolean =>
      Math.abs(costMs - (this.#told.get(name) ?? 0)) <= TOLD_CHANGE * costMs;
    if (costs.size === this.#told.size && [...costs].every(isNear)) return UNCHANGED;
    const change = changeOf(estimates, this.#told, costs);
    this.#told = costs;
    for (const name of this.#guessed) if (!costs.has(name)) this.#guessed.delete(name);
    this.#isChanged = true;
    return change;
  }

  /** What is known now: a guess takes the place of this master's own guesses alone, and what was told goes once there is more than guesses. */
  #merged(estimates: readonly CostEstimate[]): ReadonlyMap<string, number> {
    const known = this.model.costs();
    const costed = estimates.filter(({ name }) => known.has(name));
    for (const { name, confidence } of costed) {
      if (confidence > 0) this.#guessed.delete(name);
      else if (!this.#told.has(name)) this.#guessed.add(name);
    }
    const isFitted = estimates.some(({ confidence }) => confidence > 0);
    const merged = new Map(isFitted ? [] : this.#told);
    for (const { name, confidence } of costed) {
      const isOurs = confidence > 0 || this.#guessed.has(name);
      merged.set(name, (isOurs ? known : this.#told).get(name) as number);
    }
    return merged;
  }
}

/** What these costs are beside those before, by how many requests there were of each class. */
function changeOf(estimates: readonly CostEstimate[], before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): CostChange {
  const work = estimates.flatMap(({ name, samples }): (readonly [old: number, now: number])[] => {
    // Of a class that is new balancers say that it costs what the rest does.
    const was = before.get(name) ?? before.get(REST_NAME) ?? (before.size === 0 ? UNTOLD_COST_MS : undefined);
    const is = after.get(name);
    return was === undefined || is === undefined ? [] : [[samples * was, samples * is]];
  });
  const sumOf = (at: 0 | 1): number => work.reduce((sum, each) => sum + each[at], 0);
  const [old, now] = [sumOf(0), sumOf(1)];
  if (!(old > 0 && now > 0)) return UNCHANGED;
  return { growth: now / old, moved: work.reduce((sum, each) => sum + Math.abs(each[1] / now - each[0] / old), 0) / 2 };
}
