// Resource: picks by CPU and memory usage, without herding: of two hosts sampled at random, the less used one. The
// least used of all would get every balancer's requests until its next report. Source: Mitzenmacher, "How Useful Is Old
// Information?", IEEE TPDS 11(1), 2000; Azar, Broder, Karlin and Upfal, "Balanced Allocations", SIAM J. Comput. 29(1),
// 1999. A host's weight counts in the sampling alone: usage is relative to the host's size already.

import type { HostView, PickTrace, Policy } from '../model.js';
import { CandidateWeights, drawPlace } from './candidate-weights.js';
import { onlyCandidate } from './eligible.js';
import type { Random } from './random.js';
import { lessLoaded } from './two-choices.js';
import { putUsage } from './usage.js';

/** Two choices by CPU and memory usage; O(1) in the number of hosts. */
export class Resource implements Policy {
  readonly algorithm = 'resource';
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

    const random = this.#random;
    const weights = this.#weights.of(view, candidates, count);
    // Sampled with replacement: sometimes both are the same host, so even the most used one keeps a small share.
    // Otherwise the more used of two hosts would get nothing until its next report.
    const a = candidates[1 + drawPlace(weights, count, random)] as number;
    const b = candidates[1 + drawPlace(weights, count, random)] as number;
    // A host that fails fast looks idle, so its failures count as usage.
    return lessLoaded(a, b, putUsage, putUsage, view, weights, nowMs, excluded, random, this.#trace);
  }
}
