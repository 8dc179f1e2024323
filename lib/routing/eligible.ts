// Which candidate a policy may pick, and which it falls back on when its first draw may not be used.
// The candidates' list is already without hosts that are out; this is for the moments before it catches up,
// and for hosts that warm up.

import { type HostView, LOOK, type PickTrace } from '../model.js';
import type { Random } from './random.js';

/** How many candidates a fallback looks at: it bounds a pick, whatever the number of hosts. */
const MAX_LOOKS = 32;

/** The share of its requests that a host gets at the beginning of its warm-up. */
const FIRST_SHARE = 0.1;

/** How finely the share grows. */
const STEPS = 1 << 20;

/** Whether a request may go to this host now: not the excluded one, nothing held against it. */
export function isEligible(view: HostView, slot: number, nowMs: number, excluded: number): boolean {
  return slot !== excluded && !((view.avoidUntil[slot] as number) > nowMs);
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

/** What became of a host (a code of `LOOK`), when it is known whether it was eligible: then it can only have warmed up. */
export function lookOf(slot: number, excluded: number, wasEligible: boolean): number {
  if (wasEligible) return LOOK.warming;
  return slot === excluded ? LOOK.excluded : LOOK.avoided;
}

/** The pick of a list with one candidate or none: that one, unless it is excluded. */
export function onlyCandidate(view: HostView, candidates: Int32Array, nowMs: number, excluded: number, trace: PickTrace | undefined): number {
  if (candidates[0] === 0) return -1;
  const slot = candidates[1] as number;
  const isExcluded = slot === excluded;
  trace?.look(view, slot, nowMs, isExcluded ? LOOK.excluded : LOOK.eligible, Number.NaN);
  return isExcluded ? -1 : slot;
}

/**
 * The place in the list of the first candidate from `start` on, in the list's order, that is eligible and takes
 * the request. When none of the next 32 is, an eligible one is taken though it warms up, or else any but the
 * excluded one: sending anyway beats refusing. -1 when there is none at all.
 */
export function firstEligible(view: HostView, candidates: Int32Array, start: number, nowMs: number, excluded: number, random: Random, trace?: PickTrace): number {
  const count = candidates[0] as number;
  const looks = Math.min(count, MAX_LOOKS);
  let warming = -1;
  let lastResort = -1;
  for (let i = 0; i < looks; i++) {
    const place = 1 + ((start + i) % count);
    const slot = candidates[place] as number;
    if (isEligible(view, slot, nowMs, excluded)) {
      if (isTaking(view, slot, nowMs, random)) {
        trace?.look(view, slot, nowMs, LOOK.eligible, Number.NaN);
        return place;
      }
      trace?.look(view, slot, nowMs, LOOK.warming, Number.NaN);
      if (warming < 0) warming = place;
    } else {
      trace?.look(view, slot, nowMs, lookOf(slot, excluded, false), Number.NaN);
      if (slot !== excluded && lastResort < 0) lastResort = place;
    }
  }
  return warming >= 0 ? warming : lastResort;
}
