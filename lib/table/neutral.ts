// Neutral figures, assumed for hosts of which nothing is known: the medians over the hosts with trustworthy figures.

import { medianOf, neutralUsageOf, STALE_MS } from '../routing/usage.js';
import { setFleetFigure } from './fleet-cells.js';
import type { TableColumns } from './layout.js';

/** Recomputes the neutral figures over the hosts in these slots. */
export function refreshNeutral(columns: TableColumns, slots: readonly number[], nowMs: number): void {
  const { usage, reportedAt, capacity, capacityTrend, speed } = columns;
  setFleetFigure(
    columns,
    'neutralUsage',
    neutralUsageOf(
      figuresOf(
        slots.filter((slot) => nowMs - (reportedAt[slot] as number) < STALE_MS),
        usage,
      ),
    ),
  );
  setFleetFigure(columns, 'neutralCapacity', medianOf(figuresOf(slots, capacity)));
  setFleetFigure(columns, 'neutralSpeed', medianOf(figuresOf(slots, speed)));
  let most = Number.NaN;
  for (const slot of slots) {
    const trend = capacityTrend[slot] as number;
    if (trend > 0 && !(trend <= most)) most = trend;
  }
  setFleetFigure(columns, 'mostCapacity', most);
}

/** The known figures of these slots. */
function figuresOf(slots: readonly number[], column: Float64Array): Float64Array {
  return Float64Array.from(slots, (slot) => column[slot] as number).filter((figure) => !Number.isNaN(figure));
}
