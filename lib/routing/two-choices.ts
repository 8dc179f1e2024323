// The less loaded of two hosts: what `resource` and `least-request` have in common.
// Source: Azar, Broder, Karlin and Upfal, "Balanced Allocations", SIAM J. Comput. 29(1), 1999; Mitzenmacher, "The
// Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10), 2001.

import { type HostView, LOOK, type PickTrace } from '../model.js';
import { firstEligible, isEligible, isTaking, lookOf } from './eligible.js';
import type { Random } from './random.js';

/** How loaded a host is; less is better. */
export type LoadOf = (view: HostView, slot: number, nowMs: number) => number;

/** Of the slots `a` and `b` the less loaded one that may be picked; another one when neither may, -1 when there is none. */
export function lessLoaded(a: number, b: number, loadOf: LoadOf, view: HostView, nowMs: number, excluded: number, random: Random, trace: PickTrace | undefined): number {
  const mayUseA = isEligible(view, a, nowMs, excluded) && isTaking(view, a, nowMs, random);
  const mayUseB = isEligible(view, b, nowMs, excluded) && isTaking(view, b, nowMs, random);
  if (trace !== undefined) {
    tell(trace, view, a, nowMs, excluded, mayUseA, loadOf);
    tell(trace, view, b, nowMs, excluded, mayUseB, loadOf);
  }
  // Equal figures: the first, which is as random as the second.
  if (mayUseA && mayUseB) return loadOf(view, b, nowMs) < loadOf(view, a, nowMs) ? b : a;
  if (mayUseA) return a;
  if (mayUseB) return b;
  const candidates = view.candidates();
  const place = firstEligible(view, candidates, random.below(candidates[0] as number), nowMs, excluded, random, trace);
  return place < 0 ? -1 : (candidates[place] as number);
}

function tell(trace: PickTrace, view: HostView, slot: number, nowMs: number, excluded: number, mayUse: boolean, loadOf: LoadOf): void {
  trace.look(view, slot, nowMs, mayUse ? LOOK.eligible : lookOf(slot, excluded, isEligible(view, slot, nowMs, excluded)), loadOf(view, slot, nowMs));
}
