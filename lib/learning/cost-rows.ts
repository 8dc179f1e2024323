// The regression behind the cost model: its rows, from the records, and how much of the CPU its costs explain.

import type { WorkRecords } from './record-table.js';
import type { RobustProblem } from './robust-fit.js';
import { HALF_LIFE_MS } from './work-windows.js';

/** What is known of a class before the fit. */
export interface ClassFigures {
  /** Its column in the records. */
  readonly column: number;
  /** The mean duration of its requests in ms. */
  readonly durationMs: number;
}

/** Builds the regression from the records: CPU by requests worked on. `spanMs` is the interval of load messages. */
export function buildCostProblem(records: WorkRecords, classes: readonly ClassFigures[], nowMs: number, spanMs: number): RobustProblem {
  const rows = records.size;
  const y = records.cpu.slice(0, rows);
  const group = records.group.slice(0, rows);
  // A request ended at any time within the span of its message: this is the variance of the fraction of a request that
  // is attributed to the wrong side of a boundary between windows, summed over the requests that cross it, per request and ms.
  const factors = classes.map(({ durationMs }) => spanMs ** 2 / (spanMs + 2 * durationMs));
  const columns = classes.map(({ column }) => column);
  return {
    rows,
    columns: columns.length,
    x: gather(records.counts, records.width, columns, rows),
    y,
    weight: records.atMs.slice(0, rows).map((atMs) => 0.5 ** (Math.max(0, nowMs - atMs) / HALF_LIFE_MS)),
    variance: records.level.slice(0, rows).map((level) => Math.max(Number.EPSILON, level)),
    group,
    groups: group.reduce((largest, value) => Math.max(largest, value), 0) + 1,
    error: gather(records.noise, records.width, columns, rows).map((noise, at) => noise * (factors[at % columns.length] as number)),
    range: y.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1) * 2,
    unit: Float64Array.from(classes, ({ durationMs }) => durationMs),
  };
}

/** The fraction of used CPU that requests explain at these costs (ms, in the order of `classes`). */
export function explainedPart(records: WorkRecords, classes: readonly ClassFigures[], costsMs: Float64Array): number {
  const { size, width, level, noise, windowMs } = records;
  let used = 0;
  let taken = 0;
  for (let row = 0; row < size; row++) {
    used += level[row] as number;
    const squared = (windowMs[row] as number) ** 2;
    for (const [index, { column }] of classes.entries())
      taken += (column < width ? (noise[row * width + column] as number) : 0) * squared * (costsMs[index] as number);
  }
  return taken / used;
}

/** Copies these columns of a matrix with rows of `width`. */
function gather(source: Float32Array, width: number, columns: readonly number[], rows: number): Float64Array {
  const out = new Float64Array(rows * columns.length);
  for (let row = 0; row < rows; row++)
    // A class without requests on tracked hosts may have no column yet.
    for (const [index, column] of columns.entries())
      out[row * columns.length + index] = column < width ? (source[row * width + column] as number) : 0;
  return out;
}
