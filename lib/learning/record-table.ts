// The records of a cost model: flat arrays that grow with the hosts and classes there are, since a fleet has a model for
// each group of pools, and most have few of both. Bounded: the newest records are kept.

import { MAX_CLASSES } from '../model.js';

/** Maximum number of records; the newest are kept. */
const MAX_RECORDS = 1000;

/** Rows and columns at first; both double when there are more. */
const FIRST_ROWS = 64;
const FIRST_COLUMNS = 8;

/** Differences of consecutive windows, column by column; row `i` of a matrix starts at `i * width`. All are per ms. */
export interface WorkRecords {
  /** Number of rows filled; their order does not matter. */
  readonly size: number;
  /** Length of a matrix's row: classes with a higher column have no requests. */
  readonly width: number;
  readonly atMs: Float64Array;
  /** CPU, in cores. */
  readonly cpu: Float64Array;
  /** Average CPU used, in cores. */
  readonly level: Float64Array;
  /** Length of the later window, in ms. */
  readonly windowMs: Float64Array;
  /** The host, as a small number. */
  readonly group: Uint16Array;
  /** Requests worked through per ms. */
  readonly counts: Float32Array;
  /** Average requests worked through per ms (not the difference), divided by the squared length of the window. */
  readonly noise: Float32Array;
}

/** The records of one model. */
export class RecordTable implements WorkRecords {
  size = 0;
  width = FIRST_COLUMNS;
  #rows = FIRST_ROWS;
  #next = 0;
  atMs = new Float64Array(FIRST_ROWS);
  cpu = new Float64Array(FIRST_ROWS);
  level = new Float64Array(FIRST_ROWS);
  windowMs = new Float64Array(FIRST_ROWS);
  group = new Uint16Array(FIRST_ROWS);
  counts = new Float32Array(FIRST_ROWS * FIRST_COLUMNS);
  noise = new Float32Array(FIRST_ROWS * FIRST_COLUMNS);

  /** The row for a new record: a new one, or that of the oldest. */
  nextRow(): number {
    const row = this.#next;
    if (row === this.#rows) this.#grow(Math.min(2 * this.#rows, MAX_RECORDS), this.width);
    this.#next = (row + 1) % MAX_RECORDS;
    this.size = Math.max(this.size, row + 1);
    return row;
  }

  /** Makes room for a class in this column. */
  reserve(column: number): void {
    if (column < this.width) return;
    let width = this.width;
    while (width <= column) width *= 2;
    this.#grow(this.#rows, Math.min(width, MAX_CLASSES));
  }

  /** Clears a column. */
  clear(column: number): void {
    if (column >= this.width) return;
    for (let at = column; at < this.counts.length; at += this.width) this.counts[at] = this.noise[at] = 0;
  }

  #grow(rows: number, width: number): void {
    for (const name of ['atMs', 'cpu', 'level', 'windowMs'] as const) {
      const before = this[name];
      this[name] = new Float64Array(rows);
      this[name].set(before);
    }
    const group = new Uint16Array(rows);
    group.set(this.group);
    this.group = group;
    this.counts = widened(this.counts, this.width, rows, width);
    this.noise = widened(this.noise, this.width, rows, width);
    this.#rows = rows;
    this.width = width;
  }
}

function widened(before: Float32Array, widthBefore: number, rows: number, width: number): Float32Array<ArrayBuffer> {
  const after = new Float32Array(rows * width);
  for (let from = 0, to = 0; from < before.length; from += widthBefore, to += width)
    after.set(before.subarray(from, from + widthBefore), to);
  return after;
}
