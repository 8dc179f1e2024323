// The regression behind the cost model: builds rows from the records, sets the priors of the classes, and checks a fit
// before it is used.

import { type RobustFit, type RobustProblem, fitRobust } from './robust-fit.js';
import { MAX_COLUMNS, type WorkRecords } from './work-windows.js';

/** Half-life of the evidence. */
export const HALF_LIFE_MS = 30_000;

/** Iterations of one fit, alternating between row weights and coefficients. */
export const FIT_ITERATIONS = 6;

/** Real errors are this many times the regression's own: its rows are not quite independent, nor is its model exact. */
export const ERROR_FACTOR = 2.5;

/** Minimum number of records for a fit. */
export const MIN_RECORDS = 30;

/** Smallest plausible error: a variance, in cores at one core in use. */
const MIN_SCALE = 1e-5;

/** Prior: a class's cost is a common fraction of its duration, with this relative standard deviation. */
const PRIOR_SD = 0.5;
/** Relative standard deviation of a cost that a host reports, when it is trusted. */
const REPORTED_SD = 0.1;
/** Reported costs are trusted if the measured CPU is between these multiples of them. */
const MIN_REPORTED_RATIO = 0.67;
const MAX_REPORTED_RATIO = 1.5;
/** Number of rows that suffices to estimate how much of the CPU is explained. */
const EXPLAINED_ROWS = 500;

/** The meaning of the coefficients: the cost of a request of the class, or CPU as a fraction of the time in flight. */
export type Kind = 'counts' | 'time';

/** Both kinds. */
export const KINDS: readonly Kind[] = ['counts', 'time'];

/** The prior knowledge of a class. */
export interface ClassFigures {
  /** Its column in the records. */
  readonly column: number;
  /** Recent requests. */
  readonly count: number;
  /** Their mean duration in ms; null when unknown. */
  readonly durationMs: number | null;
}

/**
 * Builds the regression from at most about `most` of the records: CPU by requests worked through (`counts`) or in
 * flight (`time`). `spanMs` is the interval of load messages, `hosts` the number of hosts in the records.
 */
export function buildCostProblem(
  records: WorkRecords,
  classes: readonly ClassFigures[],
  kind: Kind,
  nowMs: number,
  most: number,
  spanMs: number,
  hosts: number,
): RobustProblem {
  const columns = classes.map(({ column }) => column);
  const meanMs = meanCost(records, classes, hosts);
  const durations = classes.map(({ durationMs }) => durationMs ?? meanMs);
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
    variance: every(records.level).map((level) => Math.max(0.05, level)),
    group,
    groups: group.reduce((largest, value) => Math.max(largest, value), 0) + 1,
    error: gather(records.noise, columns, rows, step),
    errorFactor: (index, coefficient) => {
      const duration = durations[index] as number;
      // A class that mostly waits uses its CPU at an unknown moment of its time in flight.
      const waiting = 0.5 * Math.max(0, 1 - (2 * coefficient) / (unit[index] as number)) ** 2;
      const variance = waiting * (duration + spanMs) + 0.7 * spanMs * Math.min(1, spanMs / duration);
      return kind === 'time' ? variance * duration ** 2 : variance;
    },
    range: y.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1) * 2,
    priorMean: (index, theta) => theta * (unit[index] as number),
    priorSd: (index) => PRIOR_SD * (unit[index] as number),
    unit,
    minScale: MIN_SCALE,
  };
}

/** The fraction of used CPU that requests explain at these costs (ms, in the order of `columns`). */
export function explainedPart(records: WorkRecords, columns: readonly number[], costsMs: readonly number[]): number {
  const { size, level, noise, windowMs } = records;
  // A sample of the rows suffices.
  const step = Math.ceil(size / EXPLAINED_ROWS);
  let used = 0;
  let taken = 0;
  for (let row = 0; row < size; row += step) {
    used += level[row] as number;
    const squared = (windowMs[row] as number) ** 2;
    for (let index = 0; index < columns.length; index++) {
      taken += (noise[row * MAX_COLUMNS + (columns[index] as number)] as number) * squared * (costsMs[index] as number);
    }
  }
  return taken / Math.max(used, 1e-9);
}

/**
 * Uses the costs that hosts report, in the problem's units (null for classes without any), as priors if they agree with
 * the measured CPU.
 */
export function useReportedCosts(problem: RobustProblem, fit: RobustFit, reported: readonly (number | null)[]): RobustFit {
  if (reported.every((cost) => cost === null)) return fit;
  const { rows, columns: width, x, y, weight, variance } = problem;
  let top = 0;
  let bottom = 0;
  for (let row = 0; row < rows; row++) {
    let byReported = 0;
    let residual = y[row] as number;
    for (let i = 0; i < width; i++) {
      const value = x[row * width + i] as number;
      const cost = reported[i] ?? null;
      if (cost === null) residual -= value * (fit.coefficients[i] as number);
      else byReported += value * cost;
    }
    let all = y[row] as number;
    for (let i = 0; i < width; i++) all -= (x[row * width + i] as number) * (fit.coefficients[i] as number);
    // Skip the rows that the fit considers outliers.
    if (all * all > 9 * fit.scale * (variance[row] as number)) continue;
    const w = (weight[row] as number) / (variance[row] as number);
    top += w * byReported * residual;
    bottom += w * byReported * byReported;
  }
  const ratio = top / bottom;
  if (!(ratio >= MIN_REPORTED_RATIO && ratio <= MAX_REPORTED_RATIO)) return fit;
  const withReported: RobustProblem = {
    ...problem,
    priorMean: (index, theta) => reported[index] ?? problem.priorMean(index, theta),
    priorSd: (index) => Math.max(REPORTED_SD * (reported[index] ?? problem.priorSd(index) / REPORTED_SD), 1e-6),
  };
  return fitRobust(withReported, fit.coefficients, fit.scale, FIT_ITERATIONS);
}

/** Memory per request in flight in bytes, in the order of `columns`; null where not discernible. */
export function fitMemory(records: WorkRecords, columns: readonly number[], nowMs: number): (number | null)[] {
  const known: number[] = [];
  for (let row = 0; row < records.size; row++) if (records.memory[row] === records.memory[row]) known.push(row);
  if (known.length < MIN_RECORDS) return columns.map(() => null);
  const y = Float64Array.from(known, (row) => records.memory[row] as number);
  const size = y.map(Math.abs).toSorted()[known.length >> 1] as number;
  if (size === 0) return columns.map(() => null);
  const busy = gather(records.busy, columns, records.size, 1);
  const width = columns.length;
  const problem: RobustProblem = {
    rows: known.length,
    columns: width,
    x: Float64Array.from(
      { length: known.length * width },
      (_, at) => busy[(known[Math.floor(at / width)] as number) * width + (at % width)] as number,
    ),
    y,
    weight: Float64Array.from(known, (row) => 0.5 ** (Math.max(0, nowMs - (records.atMs[row] as number)) / HALF_LIFE_MS)),
    variance: new Float64Array(known.length).fill(size ** 2),
    group: new Uint16Array(known.length),
    groups: 1,
    error: new Float64Array(known.length * width),
    errorFactor: () => 0,
    range: y.reduce((most, value) => Math.max(most, Math.abs(value)), size) * 2,
    priorMean: () => 0,
    priorSd: () => size * 10,
    unit: new Float64Array(width).fill(size),
    minScale: MIN_SCALE,
  };
  const fit = fitRobust(problem, new Float64Array(width), 1, FIT_ITERATIONS);
  return columns.map((_, index) => {
    const bytes = fit.coefficients[index] as number;
    return bytes > 2 * ERROR_FACTOR * (fit.errors[index] as number) ? Math.round(bytes) : null;
  });
}

/** A duration scale for classes without known durations: five times the CPU available per request. */
function meanCost({ level, size }: WorkRecords, classes: readonly ClassFigures[], hosts: number): number {
  let cores = 0;
  for (let row = 0; row < size; row++) cores += level[row] as number;
  // Decayed counts cover a half-life over ln 2.
  const perMs = classes.reduce((sum, { count }) => sum + count, 0) / (HALF_LIFE_MS / Math.LN2);
  return Math.max(1e-3, (5 * (cores / Math.max(1, size)) * Math.max(1, hosts)) / Math.max(perMs, 1e-9));
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
