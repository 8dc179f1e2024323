// The tables of one flush: the message, which every balancer gets, and the snapshot for late joiners. A full message holds
// every row and needs no earlier one; any other holds only what changed since the message before it. Does no I/O.

import type { Costs, HostRow, HostTable, Stamp } from '../model.js';
import type { HostChanges } from './host-changes.js';

/** What a flush is made of. */
export interface FlushContent {
  readonly stamp: Stamp;
  readonly previousSeq: number;
  readonly isFull: boolean;
  readonly changes: HostChanges;
  /** All rows, when the message is full or a snapshot is due; null otherwise. */
  readonly allRows: readonly HostRow[] | null;
  /** All costs that are known. */
  readonly costs: Costs | null;
  /** Interval at which balancers may send loads, in ms. */
  readonly everyMs: number;
  /** The shares of limits of the fleet; undefined: none are dealt out now. */
  readonly limits: unknown;
}

/** The tables of a flush; the snapshot is null if not due. */
export interface FlushTables {
  readonly message: HostTable;
  readonly snapshot: HostTable | null;
}

/** Builds both tables. */
export function buildFlushTables({ stamp, previousSeq, isFull, changes, allRows, costs, everyMs, limits }: FlushContent): FlushTables {
  const message: HostTable = {
    stamp,
    isFull,
    previousSeq: isFull ? stamp.seq : previousSeq,
    hosts: isFull ? (allRows ?? []) : changes.rows,
    figures: isFull ? [] : changes.figures,
    loads: isFull ? [] : changes.loads,
    acks: changes.acks,
    everyMs,
    costs: isFull ? costs : changes.costs,
    gone: changes.gone,
    ...(limits !== undefined && { limits }),
  };
  const snapshot: HostTable | null = allRows && {
    stamp,
    isFull: true,
    previousSeq: stamp.seq,
    hosts: allRows,
    figures: [],
    loads: [],
    acks: changes.acks,
    costs,
    gone: [],
  };
  return { message, snapshot };
}
