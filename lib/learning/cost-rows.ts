// The regression behind the cost model: builds its rows from the records, with what is known of each class.

import type { RobustProblem } from './robust-fit.js';
import { HALF_LIFE_MS, MAX_COLUMNS, type WorkRecords } from './work-windows.js';

/** The meaning of the coefficients: the cost of a request of the class, or CPU as a fraction of the time in flight. */
export type Kind = 'counts' | 'time';

/** Both kinds. */
export const KINDS: readonly Kind[] = ['counts', 'time'];

/** The prior knowledge of a class. */
export interface ClassFigures {
  /** Its column in the records. */
  readonly column: number;
  /** The mean duration of its requests in ms. */
  readonly durationMs: number;
}

/**
 * Builds the regression from at most about `most` of the records: CPU by requests worked through (`counts`) or in
 * flight (`time`). `spanMs` is the interval of load messages.
 */
export function buildCostProblem(
  records: WorkRecords,
  classes: readonly ClassFigures[],
  kind: Kind,
  nowMs: number,
  most: number,
  spanMs: number,
): RobustProblem {
  const columns = classes.map(({ column }) => column);
  const durations = classes.map(({ durationMs }) => durationMs);
  const unit = Float64Array.from(durations, (duration) => (kind === 'time' ? 1 : duration));
  const source = kind === 'time' ? records.busy : records.counts;
  const step = Math.ceil(records.size / most);
  const rows = Math.floor(records.size / step);
  const every = (column: Float64Array): Float64Array => Float64Array.from({ length: rows }, (_, row) => column[row * step] as number);
  const y = every(records.cpu);
  const group = Uint16Array.from({ length: rows }, (_, row) => records.group[row * step] as number);
  return {
    rows,
    columns: columns.length,
    x: gather(source, columns, rows, step),
    y,
    weight: every(records.atMs).map((atMs) => 0.5 ** (Math.max(0, nowMs - atMs) / HALF_LIFE_MS)),
    variance: every(records.level).map((level) => Math.max(Number.EPSILON, level)),
    group,
    groups: group.reduce((largest, value) => Math.max(largest, value), 0) + 1,
    error: gather(records.noise, columns, rows, step),
    errorFactor: (index) => {
      // A message tells when its requests ended only to within its span, half of it on average: a part of them belongs to the next window.
      const duration = durations[index] as number;
      const variance = (spanMs / 2) * Math.min(1, spanMs / duration);
      return kind === 'time' ? variance * duration ** 2 : variance;
    },
    range: y.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1) * 2,
    unit,
  };
}

/** The fraction of used CPU that requests explain at these costs (ms, in the order of `columns`). */
export function explainedPart(records: WorkRecords, columns: readonly number[], costsMs: readonly number[]): number {
  const { size, level, noise, windowMs } = records;
  let used = 0;
  let taken = 0;
  for (let row = 0; row < size; row++) {
    used += level[row] as number;
    const squared = (windowMs[row] as number) ** 2;
    for (let index = 0; index < columns.length; index++) {
      taken += (noise[row * MAX_COLUMNS + (columns[index] as number)] as number) * squared * (costsMs[index] as number);
    }
  }
  return taken / Math.max(used, 1e-9);
}

/** Copies these columns of every n-th row. */
function gather(source: Float32Array, columns: readonly number[], rows: number, step: number): Float64Array {
  const width = columns.length;
  const out = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const base = row * step * MAX_COLUMNS;
    for (let index = 0; index < width; index++) out[row * width + index] = source[base + (columns[index] as number)] as number;
  }
  return out;
}
