// The traffic thread's view of one pool in the host table, read at every pick: no copies, no locks.

import type { HostView } from '../model.js';
import { fleetOf, HEADER, POOL_HEADER, POOL_HEADER_CELLS, type TableColumns } from './layout.js';

const EMPTY = new Int32Array(1);

/** A policy's view of one pool in the shared table. */
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
  readonly pool: number;
  readonly #header: Int32Array;
  readonly #poolHeader: Int32Array;
  readonly #lists: readonly [Int32Array, Int32Array];
  /** Of both lists, the pool's part as it was last read, and where it begins. */
  readonly #parts: [Int32Array, Int32Array] = [EMPTY, EMPTY];
  readonly #starts: [number, number] = [0, 0];
  #isRetired = false;

  /** @param pool the index of the pool */
  constructor(columns: TableColumns, slowStartMs = 0, maxInflight = Number.POSITIVE_INFINITY, pool = 0) {
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
    this.fleet = fleetOf(columns, pool);
    this.pool = pool;
    this.#header = columns.header;
    this.#poolHeader = columns.poolHeader.subarray(pool * POOL_HEADER_CELLS, (pool + 1) * POOL_HEADER_CELLS);
    this.#lists = columns.lists;
  }

  get epoch(): number {
    return this.#poolHeader[POOL_HEADER.epoch] as number;
  }

  /**
   * The list in force. The writer fills the inactive buffer and then switches, so a list taken here stays intact for
   * the length of a pick. If the system suspends this thread for longer than two updates, it may read a list that is
   * being rewritten; each entry is still a slot, but it may belong to another pool: compare `columns.pool`.
   */
  candidates(): Int32Array {
    const active = Atomics.load(this.#header, HEADER.activeList) as 0 | 1;
    const start = this.#poolHeader[POOL_HEADER.start0 + active] as number;
    if (this.#starts[active] !== start) {
      this.#starts[active] = start;
      this.#parts[active] = this.#lists[active].subarray(start);
    }
    return this.#isRetired || start === 0 ? EMPTY : this.#parts[active];
  }

  /** Number of healthy candidates: they come first in the list. */
  get wellCount(): number {
    return this.#isRetired ? 0 : (this.#poolHeader[POOL_HEADER.well] as number);
  }

  /** Whether panic mode is on: too many hosts of the pool are out, so all are candidates. */
  get isPanic(): boolean {
    return this.#poolHeader[POOL_HEADER.panic] === 1;
  }

  /** The pool is gone: it has no candidates any more, whatever becomes of its index. */
  retire(): void {
    this.#isRetired = true;
  }
}
