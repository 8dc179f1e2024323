// A host at random: the policy without any figures, and the way out of policies whose figures are missing.

import type { TableReader } from '../../../table/reader.js';
import type { Draws } from '../draws.js';
import type { Picker } from '../fleet-balancer.js';

/** Maximum draws for a host that is not excluded. */
const MAX_LOOKS = 32;

/** Picks each host with the same probability. */
export class RandomHost implements Picker {
  readonly #draws: Draws;

  constructor(draws: Draws) {
    this.#draws = draws;
  }

  pick(view: TableReader, _nowMs: number, excluded: number): number {
    return randomCandidate(view, excluded, this.#draws);
  }
}

/** The slot of a candidate at random, not the excluded one if there is another; -1 without candidates. */
export function randomCandidate(view: TableReader, excluded: number, draws: Draws): number {
  const candidates = view.candidates();
  const count = candidates[0] as number;
  if (count === 0) return -1;
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const slot = candidates[1 + draws.below(count)] as number;
    if (slot !== excluded || count === 1) return slot;
  }
  return -1;
}
