// Picks for long-lived requests (upgrades, streams): of a few hosts sampled at random, the one with the fewest of them
// for its capacity. They last for minutes, so a count that is a second old is as good as a new one, and spreading them
// evenly when they begin is all that a balancer can do. Source: Azar, Broder, Karlin and Upfal, "Balanced Allocations",
// SIAM J. Comput. 29(1), 1999.

import { FLEET, type HostView, LOOK, type PickTrace } from '../model.js';
import { type CandidateWeights, drawPlace, weightOf } from './candidate-weights.js';
import { anyEligible, isEligible, isTaking, lookOf, onlyCandidate } from './eligible.js';
import type { Random } from './random.js';

/**
 * Hosts to sample; a smaller fleet is searched completely. The fullest of n hosts has log log n / log d more than the
 * average with d choices, so more choices gain little, while clients that reconnect all at once through many balancers
 * would all take the emptiest host, and a host that refuses upgrades, and so stays empty, would get all of them.
 */
const CHOICES = 3;

/**
 * The host for a long-lived request, or -1 when there is none. A host that fails a fraction f of its requests needs
 * 1 / (1 − f) attempts for each, so it counts as that many times fuller: failing fast must not look empty. A weight
 * counts as that many times the capacity.
 */
export function fewestLongLived(
  view: HostView,
  ownWeights: CandidateWeights,
  nowMs: number,
  excluded: number,
  random: Random,
  trace: PickTrace | undefined,
): number {
  const candidates = view.candidates();
  const hosts = candidates[0] as number;
  if (hosts < 2) return onlyCandidate(view, candidates, nowMs, excluded, trace);
  const weights = ownWeights.of(view, candidates, hosts);
  const { fleet, longLived, othersLongLived, capacity, failing } = view;
  const neutral = fleet[FLEET.neutralCapacity] as number;
  const isAll = hosts <= CHOICES;
  const start = isAll ? random.below(hosts) : 0;
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < Math.min(hosts, CHOICES); i++) {
    const place = isAll ? (start + i) % hosts : drawPlace(weights, hosts, random);
    const slot = candidates[1 + place] as number;
    const mayTake = isEligible(view, slot, nowMs, excluded);
    const known = capacity[slot] as number;
    const count = (longLived[slot] as number) + (othersLongLived[slot] as number);
    const room = (known > 0 ? known : neutral > 0 ? neutral : 1) * (weights === undefined ? 1 : weightOf(view, slot));
    const score = (count + 1) / room / (1 - (failing[slot] as number));
    // Without a known capacity hosts count as equal.
    const isTaken = mayTake && score < least && isTaking(view, slot, nowMs, random);
    if (isTaken) {
      best = slot;
      least = score;
    }
    trace?.look(view, slot, nowMs, isTaken || (mayTake && score >= least) ? LOOK.eligible : lookOf(view, slot, excluded, mayTake), score);
  }
  if (best >= 0) return best;
  const place = anyEligible(view, candidates, weights, nowMs, excluded, random, trace);
  return place < 0 ? -1 : (candidates[place] as number);
}
