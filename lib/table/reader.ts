// The traffic thread's view of the host table, read at every pick: no copies, no locks.

import type { HostView } from '../model.js';
import { HEADER, type TableColumns } from './layout.js';

/** A policy's view of the shared table. */
export class TableReader implements HostView {
  readonly weight: Float64Array;
  readonly usage: Float64Array;
  readonly reportedAt: Float64Array;
  readonly avoidUntil: Float64Array;
  readonly failing: Float64Array;
  readonly warmSince: Float64Array;
  readonly slowStartMs: number;
  readonly inflight: Int32Array;
  readonly awaited: Int32Array;
  readonly longLived: Int32Array;
  readonly maxInflight: number;
  readonly work: Float64Array;
  readonly othersInflight: Float64Array;
  readonly othersWork: Float64Array;
  readonly othersLongLived: Int32Array;
  readonly capacity: Float64Array;
  readonly speed: Float64Array;
  readonly fleet: Float64Array;
  readonly #header: Int32Array;
  readonly #lists: readonly [Int32Array, Int32Array];

  constructor(columns: TableColumns, slowStartMs = 0, maxInflight = Number.POSITIVE_INFINITY) {
    this.weight = columns.weight;
    this.usage = columns.usage;
    this.reportedAt = columns.reportedAt;
    this.avoidUntil = columns.avoidUntil;
    this.failing = columns.failing;
    this.warmSince = columns.warmSince;
    this.slowStartMs = slowStartMs;
    this.inflight = columns.inflight;
    this.awaited = columns.awaited;
    this.longLived = columns.longLived;
    this.maxInflight = maxInflight;
    this.work = columns.work;
    this.othersInflight = columns.othersInflight;
    this.othersWork = columns.othersWork;
    this.othersLongLived = columns.othersLongLived;
    this.capacity = columns.capacity;
    this.speed = columns.speed;
    this.fleet = columns.fleet;
    this.#header = columns.header;
    this.#lists = columns.lists;
  }

  get epoch(): number {
    return this.#header[HEADER.epoch] as number;
  }

  /**
   * The list in force. The writer fills the inactive buffer and then switches, so a list taken here stays intact for
   * the length of a pick. If the system suspends this thread for longer than two updates, it may read a list that is
   * being rewritten; each entry is still a slot, so the pick is as good as one made a moment earlier or later.
   */
  candidates(): Int32Array {
    return Atomics.load(this.#header, HEADER.activeList) === 0 ? this.#lists[0] : this.#lists[1];
  }
}
