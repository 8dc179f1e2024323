// Which candidate a policy may pick, and which it falls back on when its first draw may not be used.
// The candidates' list is already without hosts that are out; this is for the moments before it catches up, for hosts
// that warm up, and for hosts with as many requests as they may have: these are picked only when no other one is left.

import { type HostView, LOOK, type PickTrace } from '../model.js';
import type { Random } from './random.js';

/** How many candidates with room a fallback looks at, draws included: it bounds a pick, whatever the number of hosts. */
const MAX_LOOKS = 32;

/**
 * How many are drawn at random before the list is walked: from a random place on, whoever comes after a run of full
 * hosts would have the share of all of them.
 */
const MAX_DRAWS = 16;

/** The share of its requests that a host gets at the beginning of its warm-up. */
const FIRST_SHARE = 0.1;

/** How finely the share grows. */
const STEPS = 1 << 20;

/** Of so many that can be taken, met on the walk, each is as likely as the others. */
const MAX_FOUND = 16;

/** Whether a request may go to this host now: not the excluded one, nothing held against it, and it has room. */
export function isEligible(view: HostView, slot: number, nowMs: number, excluded: number): boolean {
  return slot !== excluded && hasRoom(view, slot) && !((view.avoidUntil[slot] as number) > nowMs);
}

function hasRoom({ inflight, maxInflight }: HostView, slot: number): boolean {
  return (inflight[slot] as number) < maxInflight;
}

/**
 * Whether a host takes a request that falls to it: always, but for one that warms up. That one takes 10 % of
 * them at first, and more in a straight line, until it takes all after `slowStartMs`.
 */
export function isTaking(view: HostView, slot: number, nowMs: number, random: Random): boolean {
  const sinceMs = view.warmSince[slot] as number;
  if (sinceMs === 0) return true;
  const grown = (nowMs - sinceMs) / view.slowStartMs;
  // Not so without a warm-up (0 ms) either.
  if (!(grown < 1)) return true;
  return random.below(STEPS) < STEPS * (FIRST_SHARE + (1 - FIRST_SHARE) * grown);
}

/** What became of a host that was looked at (a code of `LOOK`), when it is known whether it was eligible: then it can only have warmed up. */
export function lookOf(view: HostView, slot: number, excluded: number, wasEligible: boolean): number {
  if (wasEligible) return LOOK.warming;
  if (slot === excluded) return LOOK.excluded;
  return hasRoom(view, slot) ? LOOK.avoided : LOOK.full;
}

/** The pick of a list with one candidate or none: that one, unless it is excluded. */
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
 * The place in the list of the first candidate from `start` on, in the list's order, that is eligible and takes the
 * request. When none of the next 32 with room is, an eligible one is taken though it warms up; when none has room, one
 * whose turn can be waited for; else any but the excluded one: sending anyway beats refusing. -1 when there is none.
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

/** The same, with any candidate as likely as another, as far as the looks go. */
export function anyEligible(
  view: HostView,
  candidates: Int32Array,
  nowMs: number,
  excluded: number,
  random: Random,
  trace?: PickTrace,
): number {
  const count = candidates[0] as number;
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const place = 1 + random.below(count);
    const slot = candidates[place] as number;
    if (!isEligible(view, slot, nowMs, excluded) || !isTaking(view, slot, nowMs, random)) continue;
    trace?.look(view, slot, nowMs, LOOK.eligible, Number.NaN);
    return place;
  }
  return walk(view, candidates, random.below(count), false, nowMs, excluded, random, trace);
}

/** Full hosts are passed over without counting as looks: the walk ends with the list at the latest. */
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
  // It may have come after those that were told.
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

/** How many hosts of the list are full, one after the other, between these places. Where most are full, a pick is mostly this loop. */
function fullInARow(inflight: Int32Array, maxInflight: number, candidates: Int32Array, from: number, last: number): number {
  let place = from;
  while (place <= last && (inflight[candidates[place] as number] as number) >= maxInflight) place++;
  return place - from;
}
