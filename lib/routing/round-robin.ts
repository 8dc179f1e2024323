// Round-robin: each host in turn. It needs no figures, and is what the others are measured against.

import type { HostView, PickTrace, Policy } from '../model.js';
import { firstEligible } from './eligible.js';
import type { Random } from './random.js';

/**
 * Each host in turn, in the table's order. Every balancer starts at a place of its own: if all
 * began with the first host, a fleet that starts together would send its requests there together.
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
    // On from the one that was taken: else whoever comes after a host that was passed over would have its turns too.
    this.#turn = place;
    return candidates[place] as number;
  }
}
