// The rule that turns two spreads into a verdict. Pure. Invariant: a difference is claimed only if the spreads do not
// overlap, and equality only if no pair of rounds differs by more than the tolerance; all else is "not shown".

import type { Spread } from './figures.js';
import { isMeasured, numberText } from './spread.js';

/** Smaller differences do not count: a share of the other's median. */
export const TOLERANCE_SHARE = 0.05;

/** How a fleet compares in a metric. */
export type Outcome = 'better' | 'equal' | 'worse' | 'not shown';

/** How two spreads are compared. */
export interface Yardstick {
  readonly isHigherBetter: boolean;
  /** A difference counts only above this, in the unit of the figures: what the measurement can resolve. */
  readonly resolution: number;
  /** Differences below this are none; the resolution by default. */
  readonly sameWithin?: number;
  /** Rounds behind the spread that has fewer of them. */
  readonly rounds: number;
}

/** The result of a comparison. */
export interface ComparisonResult {
  readonly outcome: Outcome;
  /** Median of the fleet as a multiple of the other's; NaN if one is not above 0. */
  readonly ratio: number;
  /** Median of the fleet less the other's. */
  readonly difference: number;
  /** Why this is the outcome. */
  readonly reason: string;
}

/** Compares the figure of a fleet with that of another contestant. */
export function compareSpreads(
  fleet: Spread,
  other: Spread,
  { isHigherBetter, resolution, sameWithin = resolution, rounds }: Yardstick,
): ComparisonResult {
  const difference = fleet.median - other.median;
  const ratio = fleet.median > 0 && other.median > 0 ? fleet.median / other.median : Number.NaN;
  const as = (outcome: Outcome, reason: string): ComparisonResult => ({ outcome, ratio, difference, reason });
  if (!isMeasured(fleet) || !isMeasured(other)) return as('not shown', 'not measured');
  if (rounds < 2) return as('not shown', 'one round has no spread');
  const share = TOLERANCE_SHARE * Math.abs(other.median);
  const tolerance = Math.max(share, resolution);
  const widest = Math.max(fleet.most - other.least, other.most - fleet.least);
  if (widest < sameWithin) return as('equal', 'no two rounds differ by as much as can be resolved');
  if (widest <= share) return as('equal', 'no two rounds differ by more than the tolerance');
  if (fleet.least <= other.most && other.least <= fleet.most) return as('not shown', 'the spreads overlap');
  if (Math.abs(difference) <= tolerance) return as('not shown', 'the spreads do not overlap, but the medians are within the tolerance');
  return as(difference > 0 === isHigherBetter ? 'better' : 'worse', 'the spreads do not overlap');
}

/**
 * Probability that the spreads of two equal contestants do not overlap by chance alone, with this many rounds each:
 * of all orders of their values, two keep them apart.
 */
export function chanceApart(rounds: number, otherRounds: number): number {
  let orders = 1;
  for (let each = 1; each <= rounds; each++) orders = (orders * (otherRounds + each)) / each;
  return 2 / orders;
}

/** {@link chanceApart} of the same number of rounds in words, such as `1 of 3`. */
export function chanceText(rounds: number): string {
  return `1 of ${numberText(1 / chanceApart(rounds, rounds))}`;
}
