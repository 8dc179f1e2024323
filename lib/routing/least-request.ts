// Least request: of two hosts sampled at random, picks the one with fewer of this balancer's own requests in flight. It
// needs no figures from others, and so is the baseline without them. Source: Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", IEEE TPDS 12(10), 2001. With weights, hosts are sampled in proportion to them, and requests
// per weight are compared.

import type { HostView, PickTrace, Policy } from '../model.js';
import { CandidateWeights, drawPlace, MARGIN, MAX_DRAWS, weightOf } from './candidate-weights.js';
import { onlyCandidate } from './eligible.js';
import { fewestLongLived } from './long-lived.js';
import type { Random } from './random.js';
import { lessLoaded } from './two-choices.js';

/** A host that fails every request counts as having this many more in flight: failing fast must not look idle. */
const FAILING_REQUESTS = 20;

/** Two choices by this balancer's own requests in flight. */
export class LeastRequest implements Policy {
  readonly algorithm = 'least-request';
  readonly #random: Random;
  readonly #trace: PickTrace | undefined;
  readonly #weights = new CandidateWeights();

  constructor(random: Random, trace?: PickTrace) {
    this.#random = random;
    this.#trace = trace;
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    if (count < 2) return onlyCandidate(view, candidates, nowMs, excluded, this.#trace);

    const [random, trace] = [this.#random, this.#trace];
    const weights = this.#weights.of(view, candidates, count);
    // Two different hosts, so that equal hosts are treated equally.
    const first = drawPlace(weights, count, random);
    const a = candidates[1 + first] as number;
    if (weights !== undefined) {
      let second = first;
      for (let draws = 0; draws < MAX_DRAWS && second === first; draws++) second = weights.draw(random);
      const b = candidates[1 + second] as number;
      return lessLoaded(a, b, putRequestsPerWeight, putMarginPerWeight, view, weights, nowMs, excluded, random, trace);
    }
    const b = candidates[1 + ((first + 1 + random.below(count - 1)) % count)] as number;
    return lessLoaded(a, b, putRequests, putRequests, view, weights, nowMs, excluded, random, trace);
  }

  pickLongLived(view: HostView, nowMs: number, excluded: number): number {
    return fewestLongLived(view, this.#weights, nowMs, excluded, this.#random, this.#trace);
  }
}

function putRequests(view: HostView, slot: number, _nowMs: number, loads: Float64Array, place: number): void {
  loads[place] = (view.awaited[slot] as number) + FAILING_REQUESTS * (view.failing[slot] as number);
}

function putRequestsPerWeight(view: HostView, slot: number, nowMs: number, loads: Float64Array, place: number): void {
  putRequests(view, slot, nowMs, loads, place);
  loads[place] = (loads[place] as number) / weightOf(view, slot);
}

function putMarginPerWeight(view: HostView, slot: number, nowMs: number, loads: Float64Array, place: number): void {
  putRequests(view, slot, nowMs, loads, place);
  loads[place] = ((loads[place] as number) + MARGIN) / weightOf(view, slot);
}
