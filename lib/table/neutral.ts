// What is assumed of hosts of which nothing is known: the medians of those whose figures can be believed.

import { FLEET } from '../model.js';
import { leastPaceOf, neutralPaceOf } from '../routing/pace.js';
import { medianOf, neutralUsageOf, STALE_MS } from '../routing/usage.js';
import type { TableColumns } from './layout.js';

/** Works them out anew, of the hosts in these slots. */
export function refreshNeutral({ usage, reportedAt, capacity, capacityTrend, speed, pace, fleet }: TableColumns, slots: readonly number[], nowMs: number): void {
  fleet[FLEET.neutralUsage] = neutralUsageOf(figuresOf(slots.filter((slot) => nowMs - (reportedAt[slot] as number) < STALE_MS), usage));
  fleet[FLEET.neutralCapacity] = medianOf(figuresOf(slots, capacity));
  let most = Number.NaN;
  for (const slot of slots) {
    const trend = capacityTrend[slot] as number;
    if (trend > 0 && !(trend <= most)) most = trend;
  }
  fleet[FLEET.mostCapacity] = most;
  fleet[FLEET.neutralSpeed] = medianOf(figuresOf(slots, speed));
  const paces = slots.map((slot) => pace[slot] as number).filter((each) => each > 0);
  const neutralPace = neutralPaceOf(paces);
  fleet[FLEET.neutralPace] = neutralPace;
  fleet[FLEET.leastPace] = leastPaceOf(paces, neutralPace);
}

/** The figures that are known of these slots. */
function figuresOf(slots: readonly number[], column: Float64Array): Float64Array {
  return Float64Array.from(slots, (slot) => column[slot] as number).filter((figure) => !Number.isNaN(figure));
}
