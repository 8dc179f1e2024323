// Round-robin: each host in turn. It needs no figures, and is the baseline for the other algorithms. With weights, a host
// is passed over in some passes through the list: the static stride scheduler of gRPC (weighted_round_robin; Waldspurger
// and Weihl, "Stride Scheduling", MIT/LCS/TM-528, 1995). Nothing is kept per host, so a changed list causes no burst.

import { type HostView, LOOK, type PickTrace, type Policy } from '../model.js';
import { CandidateWeights, weightOf } from './candidate-weights.js';
import { anyEligible, firstEligible, isEligible, isTaking, lookOf } from './eligible.js';
import type { Random } from './random.js';

/** Fractions of the multiples of this spread evenly over 0 … 1, however many there are: the golden ratio. */
const SPREAD = (Math.sqrt(5) - 1) / 2;

/** Hosts whose turn it was, but that may not be picked, before one is sampled instead. */
const MAX_LOOKS = 32;

/**
 * Picks each host in turn, in table order. Every balancer starts at a random place, since balancers started together
 * would otherwise move in lockstep. With weights, a pick takes as many steps on average as the largest weight has times
 * the mean one, and at most one for each host.
 */
export class RoundRobin implements Policy {
  readonly algorithm = 'round-robin';
  readonly #random: Random;
  readonly #trace: PickTrace | undefined;
  readonly #weights = new CandidateWeights();
  #turn: number;
  /** Passes through the list so far; counted only where weights differ. */
  #pass: number;

  constructor(random: Random, trace?: PickTrace) {
    this.#random = random;
    this.#trace = trace;
    this.#turn = random.below(1 << 20);
    this.#pass = this.#turn;
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    if (count === 0) return -1;
    const weights = this.#weights.of(view, candidates, count);
    if (weights !== undefined) return this.#pickByWeight(view, candidates, weights, nowMs, excluded);
    const place = firstEligible(view, candidates, this.#turn % count, nowMs, excluded, this.#random, this.#trace);
    if (place < 0) return -1;
    // Continue after the picked host; otherwise the host after a skipped one would get its turns, too.
    this.#turn = place;
    return candidates[place] as number;
  }

  #pickByWeight(view: HostView, candidates: Int32Array, weights: CandidateWeights, nowMs: number, excluded: number): number {
    const [random, trace] = [this.#random, this.#trace];
    const count = candidates[0] as number;
    const { most } = weights;
    this.#turn %= count;
    // The host of the largest weight has a turn in each pass.
    for (let step = 0, looks = 0; step < count && looks < MAX_LOOKS; step++) {
      const slot = candidates[1 + this.#turn] as number;
      const weight = weightOf(view, slot);
      const isTurn = weight >= most || hasTurn(weight / most, slot, this.#pass);
      if (++this.#turn === count) {
        this.#turn = 0;
        this.#pass++;
      }
      if (!isTurn) continue;
      looks++;
      const mayTake = isEligible(view, slot, nowMs, excluded);
      const isPicked = mayTake && isTaking(view, slot, nowMs, random);
      trace?.look(view, slot, nowMs, isPicked ? LOOK.eligible : lookOf(view, slot, excluded, mayTake), Number.NaN);
      if (isPicked) return slot;
    }
    // Not the next one in the list: it would get all that its neighbour can't take.
    const place = anyEligible(view, candidates, weights, nowMs, excluded, random, trace);
    return place < 0 ? -1 : (candidates[place] as number);
  }
}

/**
 * Whether a host that has a turn in this fraction of the passes has one in this pass. Its turns are evenly spaced, and
 * those of different slots fall into different passes. A difference of totals, so that rounding neither loses a turn nor
 * adds one.
 */
function hasTurn(fraction: number, slot: number, pass: number): boolean {
  const offset = slot * SPREAD;
  return Math.floor((pass + 1) * fraction + offset) > Math.floor(pass * fraction + offset);
}
