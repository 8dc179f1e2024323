// Least request: of two hosts drawn at random, the one with fewer of this balancer's own requests in flight. It
// needs no figures from anyone, and so is what the others are measured against when there are none.
// Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.

import { type HostView, LOOK, type PickTrace, type Policy } from '../model.js';
import { firstEligible, isEligible, isTaking, lookOf, onlyCandidate } from './eligible.js';
import type { Random } from './random.js';

/** A host that fails everything counts as if it had so many more requests in flight: failing fast must not look idle. */
const FAILING_REQUESTS = 20;

/** Two choices by this balancer's own requests in flight. */
export class LeastRequest implements Policy {
  readonly algorithm = 'least-request';
  readonly #random: Random;
  readonly #trace: PickTrace | undefined;

  constructor(random: Random, trace?: PickTrace) {
    this.#random = random;
    this.#trace = trace;
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    if (count < 2) return onlyCandidate(view, candidates, nowMs, excluded, this.#trace);

    // Two different ones: of equal hosts none is favoured.
    const first = this.#random.below(count);
    const a = candidates[1 + first] as number;
    const b = candidates[1 + ((first + 1 + this.#random.below(count - 1)) % count)] as number;
    const mayUseA = isEligible(view, a, nowMs, excluded) && isTaking(view, a, nowMs, this.#random);
    const mayUseB = isEligible(view, b, nowMs, excluded) && isTaking(view, b, nowMs, this.#random);
    if (this.#trace !== undefined) {
      tell(this.#trace, view, a, nowMs, excluded, mayUseA);
      tell(this.#trace, view, b, nowMs, excluded, mayUseB);
    }
    if (mayUseA && mayUseB) {
      return loadOf(view, b) < loadOf(view, a) ? b : a;
    }
    if (mayUseA) return a;
    if (mayUseB) return b;
    const place = firstEligible(view, candidates, this.#random.below(count), nowMs, excluded, this.#random, this.#trace);
    return place < 0 ? -1 : (candidates[place] as number);
  }
}

function loadOf(view: HostView, slot: number): number {
  return (view.inflight[slot] as number) + (view.kept[slot] as number) + FAILING_REQUESTS * (view.failing[slot] as number);
}

function tell(trace: PickTrace, view: HostView, slot: number, nowMs: number, excluded: number, mayUse: boolean): void {
  trace.look(view, slot, nowMs, mayUse ? LOOK.eligible : lookOf(slot, excluded, isEligible(view, slot, nowMs, excluded)), loadOf(view, slot));
}
