// Round-robin: each host in turn. It needs no figures, and is the baseline for the other algorithms.

import type { HostView, PickTrace, Policy } from '../model.js';
import { firstEligible } from './eligible.js';
import type { Random } from './random.js';

/**
 * Picks each host in turn, in table order. Every balancer starts at a random place, since balancers started together
 * would otherwise move in lockstep.
 */
export class RoundRobin implements Policy {
  readonly algorithm = 'round-robin';
  readonly #random: Random;
  readonly #trace: PickTrace | undefined;
  #turn: number;

  constructor(random: Random, trace?: PickTrace) {
    this.#random = random;
    this.#trace = trace;
    this.#turn = random.below(1 << 20);
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    if (count === 0) return -1;
    const place = firstEligible(view, candidates, this.#turn % count, nowMs, excluded, this.#random, this.#trace);
    if (place < 0) return -1;
    // Continue after the picked host; otherwise the host after a skipped one would get its turns, too.
    this.#turn = place;
    return candidates[place] as number;
  }
}
