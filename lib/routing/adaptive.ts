// Adaptive: of a few hosts sampled at random, picks the one where this request is expected to finish first.
//
// A host's load is this balancer's own requests in flight, as of now, plus the others', as of the last table
// (own-loads.ts makes sure that none counts twice). With the age of the table, differences between hosts fade into the
// fleet's average, which is also where the others' next requests take them. So stale figures can't send all balancers
// to one host, and without figures only this balancer's own requests count.
//
// A host's capacity and speed are learned (capacity.ts), and so is the request's cost. Sampling prevents all balancers
// from picking the same host. Sources: shortest expected delay (Banawan and Zahorjan, "Load Sharing in Heterogeneous
// Queueing Systems", IEEE INFOCOM 1989); few choices on stale figures (Mitzenmacher, "How Useful Is Old Information?",
// IEEE TPDS 11(1), 2000); correction for what others are about to do (Goren, Vargaftik and Moses, "Distributed
// Dispatching in the Parallel Server Model", DISC 2020).

import { FLEET, type HostView, LOOK, type PickTrace, type Policy } from '../model.js';
import { anyEligible, isEligible, isTaking, lookOf, onlyCandidate } from './eligible.js';
import { fewestLongLived } from './long-lived.js';
import type { Random } from './random.js';

/** Time constant with which differences between hosts in a table fade, in ms. */
const FADE_MS = 80;

/** Time constant with which a capacity fades into its moving average, in ms. */
const CAPACITY_FADE_MS = 400;

/** A table younger than this counts as current. */
const TABLE_FRESH_MS = 60;

/**
 * Hosts to sample: `CHOICES`, or `DEAR_CHOICES` for requests that cost over `DEAR` times the mean. The latter are rare,
 * so two balancers hardly send one to the same host at once. In the simulation more choices shorten the latency tail,
 * but use equal hosts less evenly.
 */
const CHOICES = 3;
const DEAR_CHOICES = 5;
const DEAR = 3;

/**
 * Below `OLD_TRUST` the figures of a table are ignored: when many hosts have the same number of our own requests, the
 * least difference would decide, and all balancers would follow the same one. Only our own requests remain, which no
 * other balancer acts on, so more choices can only help.
 */
const OLD_TRUST = 0.2;
const OLD_CHOICES = 64;

/**
 * Sample hosts below `SMALL` of the largest capacity less often; redraw at most `MAX_DRAWS` times. With many small
 * hosts and a few large ones that have most of the capacity, a uniform sample of three is too often all small, and
 * would overload them. The first host is drawn uniformly, whatever its figures.
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
 * Speeds within this fraction of the median count as equal, and so does the part of a core that an idle host lacks:
 * with nothing in flight only errors of the figures are left, and they would send everyone to one host.
 */
const EQUAL = 0.25;

/** Weight of the queued work against the request's own time; keeps capacity for future requests. */
const WORK_WEIGHT = 0.8;

/**
 * Upper limit of the work counted per request in flight, in multiples of this request's cost or the mean cost: a cheap
 * request is done soon even beside a few expensive ones.
 */
const MOST_WORK = 12;

/** The same weight when only our own requests are known, which are only part of the queue. */
const OWN_WORK_WEIGHT = 0.3;

/** A host that fails every request counts as this many times more loaded. */
const FAILING_FACTOR = 20;

/**
 * Picks by fleet-wide requests in flight with feed-forward, weighted by capacity and cost. O(1) in the number of hosts;
 * allocates nothing.
 */
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

    const { fleet, awaited, phantomInflight, work, othersInflight, othersWork, failing } = view;
    const ageMs = nowMs - (fleet[FLEET.loadsAt] as number);
    const trust = trustAt(ageMs);
    // Capacity changes more slowly, but reacting too late makes the whole fleet oscillate.
    const capacityTrust =
      ageMs <= TABLE_FRESH_MS ? 1 : ageMs < 20 * CAPACITY_FADE_MS ? Math.exp((TABLE_FRESH_MS - ageMs) / CAPACITY_FADE_MS) : 0;
    const meanInflight = orZero(fleet[FLEET.othersPerCapacity] as number);
    const meanWork = orZero(fleet[FLEET.othersWorkPerCapacity] as number);
    const neutralSpeed = orOne(fleet[FLEET.neutralSpeed] as number);
    // Without a known capacity, assume room for one request at full speed.
    const medianCapacity = fleet[FLEET.neutralCapacity] as number;
    const neutralCapacity = medianCapacity > 0 ? medianCapacity : neutralSpeed;

    // The same for all, so that failures count even on hosts with nothing in flight.
    const leastOwn = cost / neutralCapacity;
    let looks = trust === 0 ? OLD_CHOICES : cost > DEAR * (fleet[FLEET.meanCost] as number) ? DEAR_CHOICES : CHOICES;
    // With only a few hosts, consider all of them, beginning at a random one.
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
      // A new master may not know yet what its predecessor had learned (NaN).
      const believed = knownCapacity > 0 ? trend + (knownCapacity - trend) * capacityTrust : trend;
      const capacity = believed > 0 ? believed : neutralCapacity;
      const knownSpeed = view.speed[slot] as number;
      const speed = knownSpeed > 0 && Math.abs(knownSpeed - neutralSpeed) > EQUAL * neutralSpeed ? knownSpeed : neutralSpeed;
      const averageInflight = meanInflight * capacity;
      const averageWork = meanWork * capacity;
      const requests =
        (awaited[slot] as number) +
        (phantomInflight[slot] as number) +
        averageInflight +
        ((othersInflight[slot] as number) - averageInflight) * trust;
      const waiting = Math.min(
        (work[slot] as number) + averageWork + ((othersWork[slot] as number) - averageWork) * trust,
        requests * mostWork,
      );
      // The host has cores for `capacity / speed` requests; with more than that, they share.
      const slowdown = ((requests + 1) * speed) / capacity;
      const isShared = slowdown > (requests < 0.5 ? 1 + EQUAL : 1);
      const soonest = (cost * (isShared ? slowdown : 1)) / speed + (WORK_WEIGHT * waiting) / capacity;
      // Blended with our own load as trust fades.
      const own =
        (cost * ((awaited[slot] as number) + (phantomInflight[slot] as number)) + OWN_WORK_WEIGHT * (work[slot] as number)) / capacity +
        leastOwn;
      const score = (trust * soonest + (1 - trust) * own) * (1 + FAILING_FACTOR * (failing[slot] as number));
      let look: number = LOOK.eligible;
      // Break ties, such as hosts without requests of ours, at random, weighted by capacity.
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

  pickLongLived(view: HostView, nowMs: number, excluded: number): number {
    return fewestLongLived(view, nowMs, excluded, this.#random, this.#trace);
  }

  /** Draws a place in the candidate list, weighted by capacity; `most` is the largest capacity, 0 or NaN for a uniform draw. */
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

/** Trust (0..1) in differences between hosts in a table of this age; 0 from about 190 ms on, and without any table (NaN). */
export function trustAt(ageMs: number): number {
  if (ageMs <= TABLE_FRESH_MS) return 1;
  const trust = Math.exp((TABLE_FRESH_MS - ageMs) / FADE_MS);
  return trust >= OLD_TRUST ? trust : 0;
}

const orZero = (value: number): number => (value > 0 ? value : 0);
const orOne = (value: number): number => (value > 0 ? value : 1);
