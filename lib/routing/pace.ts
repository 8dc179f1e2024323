// Hosts that answer sooner than their work takes anywhere: with an empty page, a wrong one, or from a cache that the
// others do not have. They look idle, and whoever picks by that would send them everything.

import { FLEET, type HostView } from '../model.js';

/**
 * A host that needs less than this share of the time that the same requests take elsewhere is not believed to do the
 * work. One that is idle in a fleet so busy that this is no lie has its share for a while, and not more.
 */
const TOO_QUICK = 0.2;

/** Whether what a host answered lately came too soon to be true. */
export function isTooQuick({ pace, fleet }: Pick<HostView, 'pace' | 'fleet'>, slot: number): boolean {
  const own = pace[slot] as number;
  // False where nothing is known (0, NaN).
  return own > 0 && own < TOO_QUICK * (fleet[FLEET.neutralPace] as number);
}
