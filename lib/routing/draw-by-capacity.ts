// Draws candidates at random in proportion to their capacity and weight. Capacities change all the time, so they count by
// rejection, which needs no sums over all hosts.
// Source: von Neumann, "Various Techniques Used in Connection with Random Digits", 1951.

import { type CandidateWeights, drawPlace } from './candidate-weights.js';
import type { Random } from './random.js';

/** Draws until a host is taken whatever its capacity: bounds the time of a pick where a few hosts have most of it. */
const MOST_DRAWS = 16;

/** Resolution of a random draw. */
const LOT = 1 << 20;

/**
 * Draws a place in the candidate list, which has its length at index 0.
 * @param most the largest capacity; 0 for a draw by weight alone
 * @param neutral the capacity to assume where it is unknown
 */
export function drawByCapacity(
  capacities: Float64Array,
  candidates: Int32Array,
  weights: CandidateWeights | undefined,
  most: number,
  neutral: number,
  random: Random,
): number {
  const count = candidates[0] as number;
  let place = drawPlace(weights, count, random);
  for (let draws = 1; draws < MOST_DRAWS; draws++) {
    const capacity = orElse(capacities[candidates[1 + place] as number] as number, neutral);
    // Taken with probability capacity / most; a product takes less time than this quotient.
    if (!(capacity < most) || random.below(LOT) * most < LOT * capacity) break;
    place = drawPlace(weights, count, random);
  }
  return place;
}

/** The value, or `missing` for NaN and what can't be. */
export const orElse = (value: number, missing: number): number => (value > 0 ? value : missing);
