// Hosts that answer sooner than their work takes anywhere, with an empty page or a wrong one. They look idle, and
// whoever picks by that would send them everything.

import { FLEET, type HostView } from '../model.js';

/**
 * A host that needs less than this share of the time that the same requests take elsewhere is not believed to do the
 * work. One that is idle in a fleet so busy that this is no lie has its share for a while, and not more.
 */
const LIKELY_BOGUS_RATIO = 0.2;

/** The least pace to note of answers that are like others': whoever gives them is not taken for too quick. */
export const LEAST_HONEST = 0.25;

/** The weight of the newest answer in a host's pace. */
const PACE_WEIGHT = 1 / 16;

/** An answer that took very long tells no more than this. */
export const MAX_MULTIPLE = 8;

/**
 * A host's pace after so many answers more: how long it takes, as a multiple of what requests of their class take on
 * average; the mean of its first answers, and then of the last ones.
 * @param known its pace after `before` answers
 * @param mean the mean of the new ones, each up to `MAX_MULTIPLE`
 */
export function paceAfter(known: number, before: number, more: number, mean: number): number {
  return known + (mean - known) * Math.max(more / (before + more), 1 - (1 - PACE_WEIGHT) ** more);
}

/** The pace to hold others against: the median, the slower one of two, since of two hosts the one that answers without working is not the measure. NaN of none. */
export function neutralPaceOf(paces: readonly number[]): number {
  return paces.toSorted((a, b) => a - b)[paces.length >> 1] ?? Number.NaN;
}

/**
 * Whether this is the pace of a host that answers too soon to be true; not where nothing is known (0, NaN). Where most
 * hosts are slower than usual, one that is as ever is none: what is usual is 1.
 */
export function isBogusPace(pace: number, neutral: number): boolean {
  return pace > 0 && pace < LIKELY_BOGUS_RATIO * Math.min(neutral, 1);
}

/** Whether what a host answered lately came too soon to be true: by what it answered to this balancer, or by the master's word. */
export function isLikelyBogus({ pace, likelyBogus, fleet }: Pick<HostView, 'pace' | 'likelyBogus' | 'fleet'>, slot: number): boolean {
  return likelyBogus[slot] === 1 || isBogusPace(pace[slot] as number, fleet[FLEET.neutralPace] as number);
}
