// Adaptive: the host on which this request is expected to be done soonest, of a few drawn at random.
//
// What a host is doing is our own requests in flight, as they are now, and the others', as the last table said
// (own-loads.ts sees to it that none is counted twice). The older the table, the less its differences say: they
// fade into the fleet's average, which is also where the others' next requests take them. So old figures cannot
// make all balancers run to the same host, and without figures only our own requests count.
//
// What a host can do is its capacity and its speed (capacity.ts), and what the request asks for is its cost.
// A few choices, not all hosts: of all, every balancer would take the same one.
// Sources: shortest expected delay (Banawan and Zahorjan, "Load Sharing in Heterogeneous Queueing Systems", IEEE
// INFOCOM 1989); few choices on figures of an age (Mitzenmacher, "How Useful Is Old Information?", IEEE TPDS 11(1),
// 2000); corrected for what others are about to do (Goren, Vargaftik and Moses, "Distributed Dispatching in the
// Parallel Server Model", DISC 2020).

import { FLEET, type HostView, LOOK, type PickTrace, type Policy } from '../model.js';
import { anyEligible, isEligible, isTaking, lookOf, onlyCandidate } from './eligible.js';
import type { Random } from './random.js';

/** Differences between hosts that a table told fade with this time constant. */
const FADE_MS = 80;

/** And so does what hosts can do, into what they could do over the last seconds. */
const CAPACITY_FADE_MS = 400;

/** A table younger than this is as good as now. */
const TABLE_FRESH_MS = 60;

/**
 * How many hosts are looked at: for most requests, and for dear ones (of so many times the mean cost), of which there
 * are few, so that hardly any two balancers send one to the same host at once. In the simulation more make the tail
 * of latencies shorter, and equal hosts less equally used.
 */
const CHOICES = 3;
const DEAR_CHOICES = 5;
const DEAR = 3;

/**
 * Figures that would be believed less than this are not believed at all: where our own requests say the same of many
 * hosts, the least difference would decide, and all balancers would go by the same one. What is left is our own
 * requests: no other balancer looks at these, so that more choices are only better.
 */
const OLD_TRUST = 0.2;
const OLD_CHOICES = 64;

/**
 * Hosts that can do less than this share of what the largest can are drawn the more seldom: of many small ones and a
 * few large ones that have most of the capacity, three drawn alike are too often all small, and what is too much for
 * them would be sent to them all the same. So often at most it is drawn anew. The first is drawn alike, whatever is
 * believed.
 */
const SMALL = 1 / 4;
const MAX_DRAWS = 16;

/**
 * When even the best sampled host would take this many times as long as when idle, or none may be picked, sample more
 * hosts, at most `MAX_LOOKS`: others may be less loaded.
 */
const CROWDED = 12;
const MAX_LOOKS = 8;

/** Resolution of a random draw. */
const LOT = 1 << 20;

/**
 * Speeds that differ from the median by less than this share are taken for equal, and so is what an idle host lacks of
 * a core: where nothing is in flight, what is left is what figures are wrong by, and it would send everyone to one host.
 */
const EQUAL = 0.25;

/** How much work that is waiting counts beside the time that the request itself takes: it keeps room for those that come. */
const WORK_WEIGHT = 0.8;

/**
 * And a request in flight counts for so many times this one, or the mean one, at most: with many dear requests beside
 * many cheap ones, a cheap one is done soon beside few dear ones.
 */
const MOST_WORK = 12;

/** The same where only our own requests are known: of what waits we know but a part. */
const OWN_WORK_WEIGHT = 0.3;

/** A host that fails everything counts as so many times more loaded. */
const FAILING_FACTOR = 20;

/** Fleet-wide requests in flight with feed-forward, weighed by capacity and cost. O(1) whatever the number of hosts; allocates nothing. */
export class Adaptive implements Policy {
  readonly algorithm = 'adaptive';
  readonly #random: Random;
  readonly #trace: PickTrace | undefined;

  constructor(random: Random, trace?: PickTrace) {
    this.#random = random;
    this.#trace = trace;
  }

  pick(view: HostView, nowMs: number, excluded: number, cost: number): number {
    const candidates = view.candidates();
    const count = candidates[0] as number;
    const trace = this.#trace;
    if (count < 2) return onlyCandidate(view, candidates, nowMs, excluded, trace);

    const { fleet, inflight, phantomInflight, work, othersInflight, othersWork, failing } = view;
    const ageMs = nowMs - (fleet[FLEET.loadsAt] as number);
    const trust = trustAt(ageMs);
    // What a host can do changes more slowly; but acting on it too late makes all swing.
    const capacityTrust =
      ageMs <= TABLE_FRESH_MS ? 1 : ageMs < 20 * CAPACITY_FADE_MS ? Math.exp((TABLE_FRESH_MS - ageMs) / CAPACITY_FADE_MS) : 0;
    const meanInflight = orZero(fleet[FLEET.othersPerCapacity] as number);
    const meanWork = orZero(fleet[FLEET.othersWorkPerCapacity] as number);
    const neutralSpeed = orOne(fleet[FLEET.neutralSpeed] as number);
    // Where no capacity is known, every host is taken to have room for one request at its full speed.
    const medianCapacity = fleet[FLEET.neutralCapacity] as number;
    const neutralCapacity = medianCapacity > 0 ? medianCapacity : neutralSpeed;

    // The same for all, so that what failed counts also where nothing is in flight.
    const leastOwn = cost / neutralCapacity;
    let looks = trust === 0 ? OLD_CHOICES : cost > DEAR * (fleet[FLEET.meanCost] as number) ? DEAR_CHOICES : CHOICES;
    // A few hosts are all looked at, from a random one on.
    const isAll = looks >= count;
    if (isAll) looks = count;
    const start = isAll ? this.#random.below(count) : 0;
    const mostLooks = isAll ? count : MAX_LOOKS;

    const mostWork = MOST_WORK * Math.max(cost, orZero(fleet[FLEET.meanCost] as number));
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    let bestSlowdown = 0;
    let tied = 0;
    const mostCapacity = trust === 0 ? 0 : (fleet[FLEET.mostCapacity] as number);
    for (let i = 0; i < looks || ((best < 0 || bestSlowdown > CROWDED) && i < mostLooks); i++) {
      const place = isAll ? start + i : i === 0 ? this.#random.below(count) : this.#draw(view, candidates, mostCapacity, neutralCapacity);
      const slot = candidates[1 + (place >= count ? place - count : place)] as number;
      if (!isEligible(view, slot, nowMs, excluded)) {
        trace?.look(view, slot, nowMs, lookOf(view, slot, excluded, false), Number.NaN);
        continue;
      }
      const knownCapacity = view.capacity[slot] as number;
      const trend = view.capacityTrend[slot] as number;
      // A new master may not know yet what its predecessor knew (NaN).
      const believed = knownCapacity > 0 ? trend + (knownCapacity - trend) * capacityTrust : trend;
      const capacity = believed > 0 ? believed : neutralCapacity;
      const knownSpeed = view.speed[slot] as number;
      const speed = knownSpeed > 0 && Math.abs(knownSpeed - neutralSpeed) > EQUAL * neutralSpeed ? knownSpeed : neutralSpeed;
      const averageInflight = meanInflight * capacity;
      const averageWork = meanWork * capacity;
      const requests =
        (inflight[slot] as number) +
        (phantomInflight[slot] as number) +
        averageInflight +
        ((othersInflight[slot] as number) - averageInflight) * trust;
      const waiting = Math.min(
        (work[slot] as number) + averageWork + ((othersWork[slot] as number) - averageWork) * trust,
        requests * mostWork,
      );
      // It has `capacity / speed` requests' worth of cores: with more requests than that, each gets its share.
      const slowdown = ((requests + 1) * speed) / capacity;
      const isShared = slowdown > (requests < 0.5 ? 1 + EQUAL : 1);
      const soonest = (cost * (isShared ? slowdown : 1)) / speed + (WORK_WEIGHT * waiting) / capacity;
      // And of those the one on which it has least itself.
      const own =
        (cost * ((inflight[slot] as number) + (phantomInflight[slot] as number)) + OWN_WORK_WEIGHT * (work[slot] as number)) / capacity +
        leastOwn;
      const score = (trust * soonest + (1 - trust) * own) * (1 + FAILING_FACTOR * (failing[slot] as number));
      let look: number = LOOK.eligible;
      // Among equals, such as hosts on which we have nothing, lots are drawn, by what each can do.
      if (score <= bestScore) tied = score < bestScore ? capacity : tied + capacity;
      if (score < bestScore || (score === bestScore && this.#random.below(LOT) * tied < LOT * capacity)) {
        if (isTaking(view, slot, nowMs, this.#random)) {
          best = slot;
          bestScore = score;
          bestSlowdown = slowdown;
        } else {
          look = LOOK.warming;
        }
      }
      trace?.look(view, slot, nowMs, look, score);
    }
    if (best >= 0) return best;
    const place = anyEligible(view, candidates, nowMs, excluded, this.#random, trace);
    return place < 0 ? -1 : (candidates[place] as number);
  }

  /** A place among the candidates, by what each can do; `most` is what the largest can, 0 or NaN: all alike. */
  #draw({ capacityTrend }: HostView, candidates: Int32Array, most: number, neutral: number): number {
    const count = candidates[0] as number;
    let place = this.#random.below(count);
    for (let draws = 1; draws < MAX_DRAWS; draws++) {
      const trend = capacityTrend[candidates[1 + place] as number] as number;
      const share = (trend > 0 ? trend : neutral) / (SMALL * most);
      if (!(share < 1) || this.#random.below(LOT) < LOT * share * share) break;
      place = this.#random.below(count);
    }
    return place;
  }
}

/** How far (0..1) differences between hosts are believed that a table of this age told; 0 from about 190 ms on, and when nothing was ever heard (NaN). */
export function trustAt(ageMs: number): number {
  if (ageMs <= TABLE_FRESH_MS) return 1;
  const trust = Math.exp((TABLE_FRESH_MS - ageMs) / FADE_MS);
  return trust >= OLD_TRUST ? trust : 0;
}

const orZero = (value: number): number => (value > 0 ? value : 0);
const orOne = (value: number): number => (value > 0 ? value : 1);
