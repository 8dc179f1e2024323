// Least loaded with ties in turn: the host with the fewest open requests of this balancer alone, of several the next
// one after the last pick. With many balancers nearly all picks are ties, so that it is round-robin that passes over
// hosts which have not answered since the last turn.
// Sources: nginx's least_conn; Wydrowski and others, "Introducing Prequal", NSDI 2024, section 5.2.

import { isEligible } from '../../../routing/eligible.js';
import type { TableReader } from '../../../table/reader.js';
import type { Draws } from '../draws.js';
import type { Picker } from '../fleet-balancer.js';

/** Picks the next of the hosts with the fewest open requests of this balancer. */
export class LeastLoaded implements Picker {
  #turn: number;

  /** Starts at a random place, as balancers would otherwise move in lockstep. */
  constructor(draws: Draws) {
    this.#turn = draws.below(1 << 20);
  }

  pick(view: TableReader, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    let best = -1;
    let bestPlace = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < count && least > 0; i++) {
      const place = (this.#turn + i) % count;
      const slot = candidates[1 + place] as number;
      if ((view.inflight[slot] as number) >= least || !isEligible(view, slot, nowMs, excluded)) continue;
      least = view.inflight[slot] as number;
      best = slot;
      bestPlace = place;
    }
    if (best >= 0) this.#turn = bestPlace + 1;
    return best;
  }
}
