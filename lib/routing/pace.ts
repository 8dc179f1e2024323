// Detects hosts that answer faster than their work takes anywhere else, with an empty or wrong page. They look idle,
// and a policy that believed it would send them everything.

import { FLEET, type HostView } from '../model.js';

/**
 * A host whose response time is below this fraction of what the same requests take elsewhere is suspected of not doing
 * the work. If it is merely idle in a very busy fleet, it temporarily gets its share and no more.
 */
const LIKELY_BOGUS_RATIO = 0.2;

/** Lower bound of the recorded pace while a host's responses look like others': it is never suspected. */
export const MIN_UNSUSPECTED_PACE = 0.25;

/** Weight of the newest response in a host's pace. */
const PACE_WEIGHT = 1 / 16;

/** Upper bound of a single response's multiple, so that one very slow response can't dominate. */
export const MAX_MULTIPLE = 8;

/**
 * Updates a host's pace: its response time as a multiple of the class average. The mean over the first responses, then
 * a moving average.
 * @param known its pace after `before` responses
 * @param mean the mean of the new ones, each capped at `MAX_MULTIPLE`
 */
export function paceAfter(known: number, before: number, more: number, mean: number): number {
  return known + (mean - known) * Math.max(more / (before + more), 1 - (1 - PACE_WEIGHT) ** more);
}

/**
 * The pace to compare hosts with: the median, the upper one of an even number, since of two hosts the one that answers
 * without working must not set the standard. NaN without any.
 */
export function neutralPaceOf(paces: readonly number[]): number {
  return paces.toSorted((a, b) => a - b)[paces.length >> 1] ?? Number.NaN;
}

/**
 * Whether a pace is implausibly fast; false where nothing is known (0, NaN). When most hosts are slower than usual, a
 * host at its usual speed is not suspect: the reference is at most 1.
 */
export function isBogusPace(pace: number, neutral: number): boolean {
  return pace > 0 && pace < LIKELY_BOGUS_RATIO * Math.min(neutral, 1);
}

/** Whether a host's recent responses were implausibly fast, by this balancer's own measurements or by the master's. */
export function isLikelyBogus({ pace, likelyBogus, fleet }: Pick<HostView, 'pace' | 'likelyBogus' | 'fleet'>, slot: number): boolean {
  return likelyBogus[slot] === 1 || isBogusPace(pace[slot] as number, fleet[FLEET.neutralPace] as number);
}
