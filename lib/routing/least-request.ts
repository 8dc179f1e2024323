// Least request: of two hosts sampled at random, picks the one with fewer of this balancer's own requests in flight. It
// needs no figures from others, and so is the baseline without them. Source: Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", IEEE TPDS 12(10), 2001.

import type { HostView, PickTrace, Policy } from '../model.js';
import { onlyCandidate } from './eligible.js';
import type { Random } from './random.js';
import { lessLoaded } from './two-choices.js';

/** A host that fails every request counts as having this many more in flight: failing fast must not look idle. */
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

    // Two different hosts, so that equal hosts are treated equally.
    const first = this.#random.below(count);
    const a = candidates[1 + first] as number;
    const b = candidates[1 + ((first + 1 + this.#random.below(count - 1)) % count)] as number;
    return lessLoaded(a, b, putRequests, view, nowMs, excluded, this.#random, this.#trace);
  }
}

function putRequests(view: HostView, slot: number, _nowMs: number, loads: Float64Array, place: number): void {
  loads[place] = (view.inflight[slot] as number) + FAILING_REQUESTS * (view.failing[slot] as number);
}
