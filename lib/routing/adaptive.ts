// Adaptive: of a few hosts drawn at random, picks the one where the request is expected to be done first:
//
//   score = cost / speed × max(1, (n + 1) / k) + 0.1 × work / capacity
//
// A host serves `k = capacity / speed` requests at full speed, and with more of them shares its cores. `n` and `work` are
// the requests in flight and their work: our own exactly, the others' as of the last table. Drawing few hosts keeps
// balancers that act on the same table from all choosing the same one; an old table is not used at all. A host of weight w
// counts as one of w times its capacity, and is drawn that much more often.
// Sources: shortest expected delay (Banawan and Zahorjan, "Load Sharing in Heterogeneous Queueing Systems", IEEE INFOCOM
// 1989); few choices on stale figures (Mitzenmacher, "How Useful Is Old Information?", IEEE TPDS 11(1), 2000).

import { FLEET, type HostView, LOOK, type PickTrace, type Policy } from '../model.js';
import { CandidateWeights, MARGIN, MAX_DRAWS, weightOf } from './candidate-weights.js';
import { drawByCapacity, orElse } from './draw-by-capacity.js';
import { anyEligible, isEligible, isTaking, lookOf, onlyCandidate } from './eligible.js';
import { fewestLongLived } from './long-lived.js';
import type { Random } from './random.js';

/** Hosts to draw if all that is known of them is shared; more where it is our own, which nobody else acts on. */
const CHOICES = 3;

/** The same for requests that cost over `DEAR` times the mean: they are rare, so two hardly meet on one host. */
const DEAR_CHOICES = 5;
const DEAR = 3;

/** Most hosts to look at: bounds the time of a pick. */
const MOST_CHOICES = 64;

/** Weight of the work in flight beside the request's own time: what later requests will find. */
const WORK_WEIGHT = 0.1;

/** An older table (ms) is not used at all, so that nothing makes all balancers prefer the same hosts: only our own requests count. */
const OLD_MS = 400;

/**
 * Speeds this near to the median are equal, and so is the part of a core that an idle host lacks: what is left is chance,
 * and idle hosts would get all or nothing for it.
 */
export const EQUAL = 0.25;

/** Picks by the expected time of a request on each host. O(1) in the number of hosts; allocates nothing. */
export class Adaptive implements Policy {
  readonly algorithm = 'adaptive';
  readonly #random: Random;
  readonly #trace: PickTrace | undefined;
  readonly #weights = new CandidateWeights();

  constructor(random: Random, trace?: PickTrace) {
    this.#random = random;
    this.#trace = trace;
  }

  pick(view: HostView, nowMs: number, excluded: number, cost: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    const [random, trace] = [this.#random, this.#trace];
    if (count < 2) return onlyCandidate(view, candidates, nowMs, excluded, trace);

    const weights = this.#weights.of(view, candidates, count);
    const isWeighted = weights !== undefined;
    const { fleet, awaited, work, othersInflight, othersWork, failing, capacity: capacities, speed: speeds } = view;
    const neutralSpeed = orElse(fleet[FLEET.neutralSpeed] as number, 1);
    // Without a known capacity, assume room for one request at full speed.
    const neutralCapacity = orElse(fleet[FLEET.neutralCapacity] as number, neutralSpeed);
    const mostCapacity = orElse(fleet[FLEET.mostCapacity] as number, 0);

    const isOld = isOldAge(nowMs - (fleet[FLEET.loadsAt] as number));
    const fewest = cost > DEAR * (fleet[FLEET.meanCost] as number) ? DEAR_CHOICES : CHOICES;
    const choices = fewest / (isOld ? 0 : orElse(fleet[FLEET.othersShare] as number, 0));
    const isAll = choices >= count && count <= MOST_CHOICES;
    const looks = isAll ? count : Math.min(Math.round(choices), MOST_CHOICES);
    const start = isAll ? (weights === undefined ? random.below(count) : firstOf(view, candidates, weights, nowMs, excluded, random)) : 0;
    const neutralMs = cost / neutralSpeed;
    const leastUnequal = EQUAL * neutralSpeed;

    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    let tied = 0;
    for (let i = 0; i < looks; i++) {
      const place = isAll ? start + i : drawByCapacity(capacities, candidates, weights, mostCapacity, neutralCapacity, random);
      const slot = candidates[1 + (place >= count ? place - count : place)] as number;
      if (!isEligible(view, slot, nowMs, excluded)) {
        trace?.look(view, slot, nowMs, lookOf(view, slot, excluded, false), Number.NaN);
        continue;
      }
      const ownCapacity = isOld ? neutralCapacity : orElse(capacities[slot] as number, neutralCapacity);
      const capacity = isWeighted ? ownCapacity * weightOf(view, slot) : ownCapacity;
      const knownSpeed = speeds[slot] as number;
      const isEqual = isOld || !(knownSpeed > 0) || Math.abs(knownSpeed - neutralSpeed) <= leastUnequal;
      const speed = isEqual ? neutralSpeed : knownSpeed;
      const requests = (awaited[slot] as number) + (isOld ? 0 : (othersInflight[slot] as number)) + 1;
      const waiting = (work[slot] as number) + (isOld ? 0 : (othersWork[slot] as number));
      const slowdown = (requests * speed) / capacity;
      const isShared = slowdown > (requests === 1 ? 1 + EQUAL : 1);
      const soonest = (isEqual ? neutralMs : cost / speed) * (isShared ? slowdown : 1) + (WORK_WEIGHT * waiting) / capacity;
      // A request that fails is sent again: on average 1 / (1 - failing) times.
      const failed = failing[slot] as number;
      // The first host was drawn by weight; another must be ahead of it by half a request: see `MARGIN`.
      const ahead = isWeighted && best >= 0 ? (MARGIN * cost * (isShared ? 1 + WORK_WEIGHT : WORK_WEIGHT)) / capacity : 0;
      const score = failed === 0 ? soonest + ahead : (soonest + ahead) / (1 - failed);
      let look: number = LOOK.eligible;
      if (score < bestScore) tied = 0;
      if (score <= bestScore && random.below(++tied) === 0) {
        if (isTaking(view, slot, nowMs, random)) {
          best = slot;
          bestScore = score;
        } else {
          look = LOOK.warming;
        }
      }
      trace?.look(view, slot, nowMs, look, score);
    }
    if (best >= 0) return best;
    const place = anyEligible(view, candidates, weights, nowMs, excluded, random, trace);
    return place < 0 ? -1 : (candidates[place] as number);
  }

  pickLongLived(view: HostView, nowMs: number, excluded: number): number {
    return fewestLongLived(view, this.#weights, nowMs, excluded, this.#random, this.#trace);
  }
}

/** The place at which a look at all hosts of different weights begins: that of one that may be picked, drawn by weight. */
function firstOf(
  view: HostView,
  candidates: Int32Array,
  weights: CandidateWeights,
  nowMs: number,
  excluded: number,
  random: Random,
): number {
  let place = weights.draw(random);
  for (let draws = 1; draws < MAX_DRAWS; draws++) {
    if (isEligible(view, candidates[1 + place] as number, nowMs, excluded)) break;
    place = weights.draw(random);
  }
  return place;
}

/** Whether a table of this age (ms) is too old to be used; NaN if there was none. */
export function isOldAge(ageMs: number): boolean {
  return !(ageMs < OLD_MS);
}
