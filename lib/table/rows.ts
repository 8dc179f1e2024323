// Converts a host's cells in the shared table back into a row; the inverse of fleet-cells.ts. Unknown is NaN in a cell
// and null in a row.

import { HOST_STATES, type HostRow } from '../model.js';
import type { FleetColumns } from './layout.js';
import type { SlotHost } from './slots.js';

/** Reads a host's cells as a row, with its current age. A host whose agent has reported is no longer static. */
export function readRow(
  columns: FleetColumns,
  { slot, name, url, authority, isStatic }: SlotHost & { readonly isStatic: boolean },
  nowMs: number,
): HostRow {
  const known = (figure: number | undefined): number | null => (figure === undefined || Number.isNaN(figure) ? null : figure);
  const weight = columns.weight[slot] as number;
  const reportedAt = known(columns.reportedAt[slot]);
  return {
    name,
    url,
    ...(authority !== undefined && { authority }),
    state: HOST_STATES[columns.state[slot] as number] ?? 'silent',
    isStatic: isStatic && reportedAt === null,
    cpu: known(columns.cpu[slot]),
    memory: known(columns.memory[slot]),
    cores: known(columns.cores[slot]),
    rps: null,
    ageMs: reportedAt === null ? null : Math.max(0, nowMs - reportedAt),
    inflight: columns.fleetInflight[slot] as number,
    longLived: columns.fleetLongLived[slot] as number,
    // The master recomputes it from load messages, as the rate.
    open: (columns.fleetInflight[slot] as number) + (columns.fleetLongLived[slot] as number),
    fleetRps: 0,
    work: columns.fleetWork[slot] as number,
    capacity: known(columns.capacity[slot]),
    speed: known(columns.speed[slot]),
    ...(weight !== 1 && { weight }),
  };
}
