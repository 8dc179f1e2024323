// Least request: of two hosts drawn at random, the one with fewer of this balancer's own requests in flight. It
// needs no figures from anyone, and so is what the others are measured against when there are none.
// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.

import type { HostView, Policy } from '../model.js';
import { firstEligible, isEligible, isTaking } from './eligible.js';
import type { Random } from './random.js';

/** A host that fails everything counts as if it had so many more requests in flight: failing fast must not look idle. */
const FAILING_REQUESTS = 20;

/** Two choices by this balancer's own requests in flight. */
export class LeastRequest implements Policy {
  readonly algorithm = 'least-request';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    if (count < 2) return count === 0 || candidates[1] === excluded ? -1 : (candidates[1] as number);

    // Two different ones: of equal hosts none is favoured.
    const first = this.#random.below(count);
    const a = candidates[1 + first] as number;
    const b = candidates[1 + ((first + 1 + this.#random.below(count - 1)) % count)] as number;
    const mayUseA = isEligible(view, a, nowMs, excluded) && isTaking(view, a, nowMs, this.#random);
    const mayUseB = isEligible(view, b, nowMs, excluded) && isTaking(view, b, nowMs, this.#random);
    if (mayUseA && mayUseB) {
      const loadA = (view.inflight[a] as number) + (view.kept[a] as number) + FAILING_REQUESTS * (view.failing[a] as number);
      const loadB = (view.inflight[b] as number) + (view.kept[b] as number) + FAILING_REQUESTS * (view.failing[b] as number);
      return loadB < loadA ? b : a;
    }
    if (mayUseA) return a;
    if (mayUseB) return b;
    const place = firstEligible(view, candidates, this.#random.below(count), nowMs, excluded, this.#random);
    return place < 0 ? -1 : (candidates[place] as number);
  }
}
