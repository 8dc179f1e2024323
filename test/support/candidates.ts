// The candidate lists of a shared table, read and written as one pool's hosts.

import { putInForce } from '../../lib/table/fleet-cells.js';
import type { TableColumns } from '../../lib/table/layout.js';
import { TableReader } from '../../lib/table/reader.js';

/** The slots that may be picked in a pool, in the order of the list. */
export function candidatesOf(columns: TableColumns, pool = 0): number[] {
  const list = new TableReader(columns, 0, Number.POSITIVE_INFINITY, pool).candidates();
  return [...list.subarray(1, 1 + (list[0] as number))];
}

/** Puts these candidates of a pool in force, all of them healthy; no other pool has any then. */
export function setCandidates(columns: TableColumns, slots: readonly number[], pool = 0): void {
  putInForce(columns, [{ pool, list: Int32Array.of(slots.length, ...slots), well: slots.length, isPanic: false, isWeighted: false }]);
}
