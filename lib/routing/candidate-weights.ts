// Samples candidates in proportion to the weights that the site gives them: an alias table (Walker, "An Efficient Method
// for Generating Discrete Random Variables with General Distributions", ACM TOMS 3(3), 1977; built as in Vose, IEEE TSE
// 17(9), 1991). Invariant: the table is that of the list and the weights in force at the last call of `of`; where all
// weights are equal there is none.

import type { HostView } from '../model.js';
import type { Random } from './random.js';

/** Resolution of the choice between a cell's own candidate and its alias. */
const LOT = 2 ** 32;

/** Draws in search of another host than the one drawn before; where they do not suffice, that one has nearly all of the weight. */
export const MAX_DRAWS = 16;

/**
 * How far a host must be ahead of one drawn before it, in requests, where weights differ: a request is a small part of a
 * large weight and all of a small one. With 0, an idle host of weight 1 would win against one of weight 10 that has a
 * single request; with 1, it would lose against one that has nine. Half a request is the unbiased rounding (Webster's
 * divisors; Balinski and Young, "Fair Representation", 1982). Between equal weights any margin from 0 to 1 is the same.
 */
export const MARGIN = 0.5;

/** A place in a list of `count` candidates, from 0: by weight, or uniform without weights. */
export function drawPlace(weights: CandidateWeights | undefined, count: number, random: Random): number {
  return weights === undefined ? random.below(count) : weights.draw(random);
}

/** The weight of the host in this slot; 1 where none is set. */
export function weightOf({ weight }: HostView, slot: number): number {
  const known = weight[slot] as number;
  return known > 0 ? known : 1;
}

/** The weights of one candidate list. Each policy has one. */
export class CandidateWeights {
  /** The `epoch` of the view that the table is for. */
  #epoch = 0;
  #count = 0;
  #most = 0;
  /** By place: the chance, out of `LOT`, that the cell's own place is sampled, and the place that is sampled else. */
  #chances = new Float64Array(0);
  #aliases = new Int32Array(0);
  /** Places of which the cells are not complete; needed while the table is built. */
  #open = new Int32Array(0);

  /**
   * The weights of a list of `count` candidates; undefined where all are equal, so that such a pick costs no more than one
   * without weights. O(1) unless the list has changed.
   */
  of(view: HostView, candidates: Int32Array, count: number): CandidateWeights | undefined {
    return (view.epoch & 1) === 0 ? undefined : this.#refresh(view, candidates, count);
  }

  #refresh(view: HostView, candidates: Int32Array, count: number): CandidateWeights | undefined {
    const { epoch } = view;
    if (epoch !== this.#epoch || count !== this.#count) {
      this.#follow(view, candidates, count);
      // If the list has just changed, this was the old one, and the next pick must follow the new one.
      this.#epoch = view.candidates() === candidates ? epoch : 0;
    }
    return this.#most > 0 ? this : undefined;
  }

  /** The largest weight. */
  get most(): number {
    return this.#most;
  }

  /** A place in the list, from 0; there must be one. */
  draw(random: Random): number {
    const place = random.below(this.#count);
    return random.below(LOT) < (this.#chances[place] as number) ? place : (this.#aliases[place] as number);
  }

  #follow(view: HostView, candidates: Int32Array, count: number): void {
    let [sum, most, least] = [0, 0, Number.POSITIVE_INFINITY];
    for (let place = 0; place < count; place++) {
      const weight = weightOf(view, candidates[1 + place] as number);
      sum += weight;
      most = Math.max(most, weight);
      least = Math.min(least, weight);
    }
    this.#count = count;
    this.#most = most > least ? most : 0;
    if (this.#most > 0) this.#build(view, candidates, count, (LOT * count) / sum);
  }

  /** @param scale makes the average chance `LOT` */
  #build(view: HostView, candidates: Int32Array, count: number, scale: number): void {
    if (this.#chances.length < count) {
      this.#chances = new Float64Array(2 * count);
      this.#aliases = new Int32Array(2 * count);
      this.#open = new Int32Array(2 * count);
    }
    const [chances, aliases, open] = [this.#chances, this.#aliases, this.#open];
    // Cells with less than the average stand at the front of `open`, the others at its back.
    let [small, large] = [0, count];
    for (let place = 0; place < count; place++) {
      const chance = weightOf(view, candidates[1 + place] as number) * scale;
      chances[place] = chance;
      aliases[place] = place;
      if (chance < LOT) open[small++] = place;
      else open[--large] = place;
    }
    // The largest cells fill up the smallest; one that falls below the average is filled up in its turn.
    while (small > 0 && large < count) {
      const [filled, giver] = [open[--small] as number, open[large] as number];
      aliases[filled] = giver;
      chances[giver] = (chances[giver] as number) - (LOT - (chances[filled] as number));
      if ((chances[giver] as number) >= LOT) continue;
      large++;
      open[small++] = giver;
    }
    // Rounding leaves some incomplete by a trifle.
    while (small > 0) chances[open[--small] as number] = LOT;
  }
}
