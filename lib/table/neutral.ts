// Neutral figures, assumed for hosts of which nothing is known: the medians over the hosts with trustworthy figures.

import { medianOf, neutralUsageOf, STALE_MS } from '../routing/usage.js';
import { setFleetFigure } from './fleet-cells.js';
import type { TableColumns } from './layout.js';

/** Recomputes the neutral figures of a pool over its hosts, which are in these slots. */
export function refreshNeutral(columns: TableColumns, pool: number, slots: readonly number[], nowMs: number): void {
  const { usage, reportedAt, capacity, speed } = columns;
  setFleetFigure(
    columns,
    'neutralUsage',
    neutralUsageOf(
      figuresOf(
        slots.filter((slot) => nowMs - (reportedAt[slot] as number) < STALE_MS),
        usage,
      ),
    ),
    pool,
  );
  setFleetFigure(columns, 'neutralCapacity', medianOf(figuresOf(slots, capacity)), pool);
  setFleetFigure(columns, 'neutralSpeed', medianOf(figuresOf(slots, speed)), pool);
  let most = Number.NaN;
  for (const slot of slots) {
    const known = capacity[slot] as number;
    if (known > 0 && !(known <= most)) most = known;
  }
  setFleetFigure(columns, 'mostCapacity', most, pool);
}

/** The known figures of these slots. */
function figuresOf(slots: readonly number[], column: Float64Array): Float64Array {
  return Float64Array.from(slots, (slot) => column[slot] as number).filter((figure) => !Number.isNaN(figure));
}
