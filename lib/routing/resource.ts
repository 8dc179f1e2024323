// Resource: by how used the hosts are, without herding.
// Two hosts are drawn at random and the less used one wins. Sending to the least used of all would
// send every balancer's every request to the same host until its next report.
// Source: Mitzenmacher, "How Useful Is Old Information?", IEEE TPDS 11(1), 2000; Azar, Broder,
// Karlin and Upfal, "Balanced Allocations", SIAM J. Comput. 29(1), 1999.

import type { HostView, Policy } from '../model.js';
import { firstEligible, isEligible, isTaking } from './eligible.js';
import type { Random } from './random.js';
import { believedUsage } from './usage.js';

/** Two choices by CPU and memory: O(1) whatever the number of hosts, and no allocation. */
export class Resource implements Policy {
  readonly algorithm = 'resource';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    if (count < 2) return count === 0 || candidates[1] === excluded ? -1 : (candidates[1] as number);

    // Both drawn from all: now and then they are the same host, and so even the most used of all keeps
    // a small share. Else the more used of two hosts would get nothing until its next report.
    const a = candidates[1 + this.#random.below(count)] as number;
    const b = candidates[1 + this.#random.below(count)] as number;

    const mayUseA = isEligible(view, a, nowMs, excluded) && isTaking(view, a, nowMs, this.#random);
    const mayUseB = isEligible(view, b, nowMs, excluded) && isTaking(view, b, nowMs, this.#random);
    if (mayUseA && mayUseB) {
      const neutral = view.neutralUsage();
      // A host that fails fast looks idle: what it fails counts as work.
      const usageA = believedUsage(view.usage[a] as number, nowMs - (view.reportedAt[a] as number), neutral) + (view.failing[a] as number);
      const usageB = believedUsage(view.usage[b] as number, nowMs - (view.reportedAt[b] as number), neutral) + (view.failing[b] as number);
      // Equal figures: the first, which is as random as the second.
      return usageB < usageA ? b : a;
    }
    if (mayUseA) return a;
    if (mayUseB) return b;
    const place = firstEligible(view, candidates, this.#random.below(count), nowMs, excluded, this.#random);
    return place < 0 ? -1 : (candidates[place] as number);
  }
}
