// Which candidate a policy may pick, and the fallback when its first choice is not usable. The candidate list already
// excludes hosts that are out; these rules cover the moments before it is rebuilt, warm-up, and full hosts, which are
// picked only when no other one is left.

import { type HostView, LOOK, type PickTrace } from '../model.js';
import { type CandidateWeights, drawPlace } from './candidate-weights.js';
import type { Random } from './random.js';

/** Maximum number of non-full candidates that a fallback considers, draws included; bounds a pick, whatever the number of hosts. */
const MAX_LOOKS = 32;

/**
 * Random draws before the fallback walks the list. A walk alone, from a random place, would give the host after a run
 * of full ones the share of all of them.
 */
const MAX_DRAWS = 16;

/** Fraction of its requests that a host gets when its warm-up begins. */
const FIRST_SHARE = 0.1;

/** Resolution of the growing fraction. */
const STEPS = 1 << 20;

/** Maximum number of usable hosts collected on the walk; one of them is picked at random. */
const MAX_FOUND = 16;

/** Whether a request may go to this host now: it is neither excluded, avoided nor full. */
export function isEligible(view: HostView, slot: number, nowMs: number, excluded: number): boolean {
  return slot !== excluded && hasRoom(view, slot) && !((view.avoidUntil[slot] as number) > nowMs);
}

function hasRoom({ inflight, maxInflight }: HostView, slot: number): boolean {
  return (inflight[slot] as number) < maxInflight;
}

/**
 * Whether a host takes a request that was assigned to it. A host that is warming up takes 10 % at first, growing
 * linearly to 100 % after `slowStartMs`; any other takes all.
 */
export function isTaking(view: HostView, slot: number, nowMs: number, random: Random): boolean {
  const sinceMs = view.warmSince[slot] as number;
  if (sinceMs === 0) return true;
  const grown = (nowMs - sinceMs) / view.slowStartMs;
  // Also true for a warm-up of 0 ms (NaN).
  if (!(grown < 1)) return true;
  return random.below(STEPS) < STEPS * (FIRST_SHARE + (1 - FIRST_SHARE) * grown);
}

/** The `LOOK` code of a host that was not picked; if it was eligible, it can only be warming up. */
export function lookOf(view: HostView, slot: number, excluded: number, wasEligible: boolean): number {
  if (wasEligible) return LOOK.warming;
  if (slot === excluded) return LOOK.excluded;
  return hasRoom(view, slot) ? LOOK.avoided : LOOK.full;
}

/** The pick of a list with at most one candidate: that one, unless it is excluded. */
export function onlyCandidate(
  view: HostView,
  candidates: Int32Array,
  nowMs: number,
  excluded: number,
  trace: PickTrace | undefined,
): number {
  if (candidates[0] === 0) return -1;
  const slot = candidates[1] as number;
  const isExcluded = slot === excluded;
  trace?.look(view, slot, nowMs, isExcluded ? LOOK.excluded : LOOK.eligible, Number.NaN);
  return isExcluded ? -1 : slot;
}

/**
 * Returns the place of the first candidate from `start` on, in list order, that is eligible and takes the request. If
 * none of the next 32 non-full ones is, falls back to one that is warming up; if all are full, to a full one, whose
 * queue can be waited for; else to any but the excluded one, as trying beats refusing. -1 when there is none.
 */
export function firstEligible(
  view: HostView,
  candidates: Int32Array,
  start: number,
  nowMs: number,
  excluded: number,
  random: Random,
  trace?: PickTrace,
): number {
  return walk(view, candidates, start, true, nowMs, excluded, random, trace);
}

/** The same, with candidates as likely as their weights say, within the limit of looks. */
export function anyEligible(
  view: HostView,
  candidates: Int32Array,
  weights: CandidateWeights | undefined,
  nowMs: number,
  excluded: number,
  random: Random,
  trace?: PickTrace,
): number {
  const count = candidates[0] as number;
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const place = 1 + drawPlace(weights, count, random);
    const slot = candidates[place] as number;
    if (!isEligible(view, slot, nowMs, excluded) || !isTaking(view, slot, nowMs, random)) continue;
    trace?.look(view, slot, nowMs, LOOK.eligible, Number.NaN);
    return place;
  }
  return walk(view, candidates, random.below(count), false, nowMs, excluded, random, trace);
}

/** Walks the list; full hosts don't count as looks, so the walk may run to its end. */
function walk(
  view: HostView,
  candidates: Int32Array,
  start: number,
  isFirstTaken: boolean,
  nowMs: number,
  excluded: number,
  random: Random,
  trace: PickTrace | undefined,
): number {
  const { avoidUntil, inflight, maxInflight } = view;
  const count = candidates[0] as number;
  const mostFound = isFirstTaken ? 1 : MAX_FOUND;
  const mostLooks = isFirstTaken ? MAX_LOOKS : MAX_LOOKS - MAX_DRAWS;
  let found = 0;
  let chosen = -1;
  let warming = -1;
  let full = -1;
  let lastResort = -1;
  for (let i = 0, looks = 0; i < count && found < mostFound && (looks < mostLooks || (found === 0 && warming < 0 && full >= 0)); i++) {
    const place = 1 + (start + i < count ? start + i : start + i - count);
    const slot = candidates[place] as number;
    let look: number = LOOK.eligible;
    if ((inflight[slot] as number) >= maxInflight) {
      if (full < 0 && slot !== excluded && !((avoidUntil[slot] as number) > nowMs)) full = place;
      if (i >= MAX_LOOKS && full >= 0) {
        i += fullInARow(inflight, maxInflight, candidates, place, start + i < count ? count : start) - 1;
        continue;
      }
      look = slot === excluded ? LOOK.excluded : LOOK.full;
    } else if (slot === excluded) {
      look = LOOK.excluded;
    } else if ((avoidUntil[slot] as number) > nowMs) {
      look = LOOK.avoided;
      if (lastResort < 0) lastResort = place;
    } else if (!isTaking(view, slot, nowMs, random)) {
      look = LOOK.warming;
      if (warming < 0) warming = place;
    } else if (++found === 1 || random.below(found) === 0) {
      chosen = place;
    }
    if (look !== LOOK.full) looks++;
    if (i < MAX_LOOKS) trace?.look(view, slot, nowMs, look, Number.NaN);
  }
  const place = chosen >= 0 ? chosen : warming >= 0 ? warming : full >= 0 ? full : lastResort;
  // It may lie beyond the traced part of the walk.
  if (place >= 0)
    trace?.look(
      view,
      candidates[place] as number,
      nowMs,
      place === chosen ? LOOK.eligible : lookOf(view, candidates[place] as number, excluded, place === warming),
      Number.NaN,
    );
  return place;
}

/** Length of the run of full hosts in the list between these places. When most hosts are full, a pick spends its time in this loop. */
function fullInARow(inflight: Int32Array, maxInflight: number, candidates: Int32Array, from: number, last: number): number {
  let place = from;
  while (place <= last && (inflight[candidates[place] as number] as number) >= maxInflight) place++;
  return place - from;
}
