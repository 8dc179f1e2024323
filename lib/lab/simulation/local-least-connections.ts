// What most load balancers do: pick the host with the fewest open requests of this balancer alone, ties at random.
// Like HAProxy's leastconn and nginx's least_conn, separately in each balancer; streams and answers that a slow client
// still reads are open connections to them.

import { isEligible } from '../../routing/eligible.js';
import type { TableReader } from '../../table/reader.js';
import type { Draws } from './draws.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';

/** Picks the host with the fewest open requests of this balancer. */
export class LocalLeastConnections implements Picker {
  readonly #draws: Draws;
  readonly #open: Int32Array;

  /** @param balancer whose open requests are counted */
  constructor(draws: Draws, { open }: Pick<FleetBalancer, 'open'>) {
    this.#draws = draws;
    this.#open = open;
  }

  pick(view: TableReader, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    let equals = 1;
    for (let place = 1; place <= count; place++) {
      const slot = candidates[place] as number;
      const own = this.#open[slot] as number;
      if (own > least || !isEligible(view, slot, nowMs, excluded)) continue;
      if (own < least) {
        least = own;
        best = slot;
        equals = 1;
      } else if (this.#draws.below(++equals) === 0) {
        best = slot;
      }
    }
    return best;
  }
}
