// Picks the less loaded of two hosts, for `resource` and `least-request`. Source: Azar, Broder, Karlin and Upfal,
// "Balanced Allocations", SIAM J. Comput. 29(1), 1999; Mitzenmacher, "The Power of Two Choices in Randomized Load
// Balancing", IEEE TPDS 12(10), 2001.

import { type HostView, LOOK, type PickTrace } from '../model.js';
import type { CandidateWeights } from './candidate-weights.js';
import { anyEligible, isEligible, isTaking, lookOf } from './eligible.js';
import type { Random } from './random.js';

/**
 * Writes a host's load to `loads[place]`; lower is better. It is not returned, because V8 allocates a fractional number
 * that crosses a call boundary on the heap unless the call is inlined.
 */
export type PutLoad = (view: HostView, slot: number, nowMs: number, loads: Float64Array, place: number) => void;

const loads = new Float64Array(2);

/**
 * Returns the less loaded of the slots `a` and `b` that may be picked; another one when neither may, -1 when there is none.
 * @param putLoadOfB as `putLoad`, if the second must be less loaded by a margin
 */
export function lessLoaded(
  a: number,
  b: number,
  putLoad: PutLoad,
  putLoadOfB: PutLoad,
  view: HostView,
  weights: CandidateWeights | undefined,
  nowMs: number,
  excluded: number,
  random: Random,
  trace: PickTrace | undefined,
): number {
  const mayUseA = isEligible(view, a, nowMs, excluded) && isTaking(view, a, nowMs, random);
  const mayUseB = isEligible(view, b, nowMs, excluded) && isTaking(view, b, nowMs, random);
  if (trace !== undefined) {
    tell(trace, view, a, nowMs, excluded, mayUseA, putLoad);
    tell(trace, view, b, nowMs, excluded, mayUseB, putLoadOfB);
  }
  if (mayUseA && mayUseB) {
    putLoad(view, a, nowMs, loads, 0);
    putLoadOfB(view, b, nowMs, loads, 1);
    // On equal loads the first one, which is as random as the second.
    return (loads[1] as number) < (loads[0] as number) ? b : a;
  }
  if (mayUseA) return a;
  if (mayUseB) return b;
  const candidates = view.candidates();
  const place = anyEligible(view, candidates, weights, nowMs, excluded, random, trace);
  return place < 0 ? -1 : (candidates[place] as number);
}

function tell(trace: PickTrace, view: HostView, slot: number, nowMs: number, excluded: number, mayUse: boolean, putLoad: PutLoad): void {
  putLoad(view, slot, nowMs, loads, 0);
  trace.look(
    view,
    slot,
    nowMs,
    mayUse ? LOOK.eligible : lookOf(view, slot, excluded, isEligible(view, slot, nowMs, excluded)),
    loads[0] as number,
  );
}
