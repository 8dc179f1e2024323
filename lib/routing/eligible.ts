// Which candidate a policy may fall back on when its first draw may not be used.
// The candidates' list is already without hosts that are down; this is for the moments before it catches up.

import type { HostView } from '../model.js';

/** How many candidates a fallback looks at: it bounds a pick, whatever the number of hosts. */
const MAX_LOOKS = 32;

/** Whether a request may go to this host now: not the excluded one, nothing held against it. */
export function isEligible(view: HostView, slot: number, nowMs: number, excluded: number): boolean {
  return slot !== excluded && !((view.avoidUntil[slot] as number) > nowMs);
}

/**
 * The first eligible candidate from `start` on, in the list's order. When none of the next 32 is,
 * any but the excluded one is taken: sending anyway beats refusing. -1 when there is none at all.
 */
export function firstEligible(
  view: HostView,
  candidates: Int32Array,
  start: number,
  nowMs: number,
  excluded: number,
): number {
  const count = candidates[0] as number;
  const looks = Math.min(count, MAX_LOOKS);
  let lastResort = -1;
  for (let i = 0; i < looks; i++) {
    const slot = candidates[1 + ((start + i) % count)] as number;
    if (isEligible(view, slot, nowMs, excluded)) return slot;
    if (slot !== excluded && lastResort < 0) lastResort = slot;
  }
  return lastResort;
}
