// What one request of each class costs in CPU and memory, learned by the master while it runs. Hosts say how much CPU
// their machine used, neighbours included; balancers say which requests were finished, and how long they took. From
// one stretch of time to the next, what the neighbours use is mostly the same, and what changes is explained by the
// requests: a regression that ignores the stretches in which neighbours came or went (robust-fit.ts).
// Until data says better, a class's cost is a part of its duration, the same part for all.

import { type RobustFit, type RobustProblem, fitRobust, searchStart } from './robust-fit.js';
import { REST_NAME } from './request-classes.js';
import { MAX_COLUMNS, type WorkReport, WorkWindows } from './work-windows.js';

/** Half of what was learned is forgotten in so long. */
const HALF_LIFE_MS = 30_000;

const FIT_EVERY_MS = 5000;
/** How often good starts are looked for anew, instead of going on from the last fit; at first always. */
const SEARCH_EVERY_MS = 30_000;
const MIN_RECORDS = 30;
const FIT_ITERATIONS = 6;
/** Rows among which starts are looked for. */
const SEARCH_ROWS = 600;
/** Where the error's standard deviation may be, in cores at one core in use. */
const SEARCH_SCALES = [0.03, 0.1, 0.3];
/** The same when it goes on from the last fit. */
const WARM_SCALE = 0.1;
const MIN_SCALE = 1e-5;

/** A class's cost is a common part of its duration, give or take this part of it, beforehand. */
const PRIOR_SD = 0.5;
/** What a host says of its requests' cost is right to this part, when it is believed. */
const SAID_SD = 0.1;
/** What hosts say is believed when the CPU that was measured is between these times what they say. */
const SAID_LEAST = 0.67;
const SAID_MOST = 1.5;
/** Real errors are larger than the regression's own, whose rows are not quite independent nor its model quite right. */
const ERROR_FACTOR = 2.5;

/** A class with fewer requests than this (fading) is not fitted. */
const MIN_COUNT = 5;
/** A class whose count faded below this gives its place to a new one. */
const IDLE_COUNT = 0.01;
const MAX_COUNT = 1e7;
/** No duration is longer, for us: an hour. */
const MAX_DURATION_MS = 3_600_000;
const MAX_NAME = 256;
/** Costs are above 0: a request is never free. */
const LEAST_COST_MS = 0.02;

/** What is known of a class. */
export interface CostEstimate {
  readonly name: string;
  /** CPU of one request in ms, on an average core of the fleet. */
  readonly costMs: number;
  /** The standard error of that. */
  readonly errorMs: number;
  /** Memory of one request while it is in flight, roughly; null when it does not show. */
  readonly memoryBytes: number | null;
  /** 0: a guess by duration; 0.9: right to about 10 %; 1 at most. */
  readonly confidence: number;
  /** Requests that it rests on, older ones counting less: those of about the last 45 s. */
  readonly samples: number;
}

/** Requests of one class that were finished on one host, as one load message says. */
export interface FinishedRequests {
  readonly count: number;
  /** The sum of their durations in ms, from sending to the answer's end; null when not known. */
  readonly busyMs?: number | null;
  /** The sum of the CPU in ms that the host itself said they took (`request_cost`), of `saidCount` of them. */
  readonly saidMs?: number | null;
  readonly saidCount?: number;
}

/** A host's report, with what was finished since the last one where that is not told by `finished`. */
export interface CostObservation extends WorkReport {
  /** Requests finished per class in the window. Coarse: telling each load message by `finished` gives far better estimates. */
  readonly counts?: ReadonlyMap<string, number>;
  /** Mean durations of those, in ms. */
  readonly durations?: ReadonlyMap<string, number>;
}

interface ClassState {
  name: string;
  /** Fading sums. */
  count: number;
  /** Of these, durations are known. */
  timed: number;
  busyMs: number;
  said: number;
  saidMs: number;
  costMs: number;
  errorMs: number;
  memoryBytes: number | null;
  isFitted: boolean;
}

/** What the coefficients stand for: the cost of a request of the class, or CPU as a part of the time in flight. */
type Kind = 'counts' | 'time';

/** The costs of all classes. Bounded in memory (about 3 MB, and 5 KB for each of at most 256 hosts) and in time. */
export class CostModel {
  readonly #windows = new WorkWindows();
  readonly #columns = new Map<string, number>([[REST_NAME, 0]]);
  readonly #classes: (ClassState | null)[] = [newClass(REST_NAME), ...Array.from({ length: MAX_COLUMNS - 1 }, () => null)];
  /** Fading: the mean span of load messages, by requests. */
  #spanSum = 0;
  #spanCount = 0;
  /** CPU as a part of durations, on the whole. */
  #theta = 1;
  #kind: Kind = 'counts';
  #hasFit = false;
  #turnedAtMs = Number.NaN;
  #fittedAtMs = Number.NEGATIVE_INFINITY;
  #searchedAtMs = Number.NEGATIVE_INFINITY;
  #firstFitAtMs = Number.NaN;

  /**
   * Requests of a class that were finished on a host within the last `spanMs`: the time since this balancer's load
   * message before. To be called for each load message; what is negative, absurd or not a number is dropped.
   */
  finished(host: string, name: string, requests: FinishedRequests, atMs: number, spanMs: number): void {
    const { count, busyMs = null, saidMs = null, saidCount = 0 } = requests;
    if (!(count > 0 && count <= MAX_COUNT) || !Number.isFinite(atMs)) return;
    const column = this.#columnOf(name);
    const state = this.#classes[column] as ClassState;
    const span = spanMs > 0 ? Math.min(spanMs, 10_000) : 0;
    state.count += count;
    this.#spanSum += span * count;
    this.#spanCount += count;
    let durationMs = state.timed > 0 ? state.busyMs / state.timed : 0;
    if (busyMs !== null && busyMs >= 0 && busyMs <= count * MAX_DURATION_MS) {
      durationMs = busyMs / count;
      state.timed += count;
      state.busyMs += busyMs;
    }
    if (saidMs !== null && saidMs >= 0 && saidCount > 0 && saidCount <= count && saidMs <= saidCount * MAX_DURATION_MS) {
      state.said += saidCount;
      state.saidMs += saidMs;
    }
    this.#windows.finished(host, column, count, durationMs, atMs, span);
  }

  /** A host's report, heard at `atMs`, of the `windowMs` before it. What makes no sense is dropped. */
  observe(host: string, observation: CostObservation, atMs: number, windowMs: number): void {
    if (!Number.isFinite(atMs)) return;
    for (const [name, count] of observation.counts ?? []) {
      const durationMs = observation.durations?.get(name);
      this.finished(host, name, { count, busyMs: durationMs === undefined ? null : durationMs * count }, atMs, windowMs);
    }
    this.#windows.report(host, observation, atMs, windowMs);
  }

  /** To be called about once a second; every 5 s it fits, which takes some ms. */
  tick(nowMs: number): void {
    const elapsedMs = nowMs - this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    if (elapsedMs > 0) this.#fade(0.5 ** (elapsedMs / HALF_LIFE_MS));
    if (nowMs - this.#fittedAtMs < FIT_EVERY_MS) return;
    this.#windows.turn(nowMs);
    if (this.#windows.records.size < MIN_RECORDS) return;
    this.#fittedAtMs = nowMs;
    if (!this.#hasFit) this.#firstFitAtMs = nowMs;
    this.#fit(nowMs);
  }

  /** All classes of which anything is known, dearest work first: cost times samples. */
  estimates(): readonly CostEstimate[] {
    return this.#classes
      .filter((state): state is ClassState => state !== null && state.count >= 1)
      .map((state): CostEstimate => {
        const costMs = this.#costOf(state);
        const isKnown = state.isFitted && costMs !== null;
        return {
          name: state.name,
          costMs: costMs ?? Number.NaN,
          errorMs: isKnown ? state.errorMs : Number.NaN,
          memoryBytes: state.memoryBytes,
          confidence: isKnown ? Math.max(0, 1 - state.errorMs / Math.max(costMs, LEAST_COST_MS)) : 0,
          samples: Math.round(state.count),
        };
      })
      .filter(({ costMs }) => costMs === costMs)
      .toSorted((one, other) => other.costMs * other.samples - one.costMs * one.samples);
  }

  /** The costs in ms to publish: of all classes that requests of late tell something of. */
  costs(): ReadonlyMap<string, number> {
    return new Map(this.estimates().flatMap(({ name, costMs, samples }): [string, number][] => (samples >= MIN_COUNT ? [[name, costMs]] : [])));
  }

  #costOf(state: ClassState): number | null {
    if (state.isFitted) return Math.max(LEAST_COST_MS, state.costMs);
    return state.timed > 0 ? Math.max(LEAST_COST_MS, (this.#theta * state.busyMs) / state.timed) : null;
  }

  #columnOf(name: string): number {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    if (name === '' || name.length > MAX_NAME) return 0;
    let column = this.#classes.indexOf(null);
    if (column < 0) {
      column = this.#classes.findIndex((state, index) => index > 0 && (state as ClassState).count < IDLE_COUNT);
      if (column < 0) return 0;
      this.#columns.delete((this.#classes[column] as ClassState).name);
      this.#windows.clear(column);
    }
    this.#columns.set(name, column);
    this.#classes[column] = newClass(name);
    return column;
  }

  #fade(factor: number): void {
    this.#spanSum *= factor;
    this.#spanCount *= factor;
    for (const state of this.#classes) {
      if (state === null) continue;
      state.count *= factor;
      state.timed *= factor;
      state.busyMs *= factor;
      state.said *= factor;
      state.saidMs *= factor;
    }
  }

  #fit(nowMs: number): void {
    const columns = [...this.#classes.keys()].filter((column) => (this.#classes[column]?.count ?? 0) >= MIN_COUNT);
    if (columns.length === 0) return;
    const isSearching = nowMs - this.#searchedAtMs >= SEARCH_EVERY_MS || nowMs - this.#firstFitAtMs <= SEARCH_EVERY_MS;
    if (isSearching) this.#searchedAtMs = nowMs;
    let best: { readonly fit: RobustFit; readonly kind: Kind; readonly problem: RobustProblem } | null = null;
    const kinds: readonly Kind[] = isSearching ? ['counts', 'time'] : [this.#kind];
    for (const kind of kinds) {
      const problem = this.#problem(columns, kind, nowMs);
      const starts: (readonly [start: Float64Array, scale: number])[] = [];
      if (this.#hasFit && kind === this.#kind) {
        starts.push([Float64Array.from(columns, (column, index) => this.#startOf(column, kind, problem.unit[index] as number)), WARM_SCALE]);
      }
      if (isSearching) {
        const sample = thinned(problem, SEARCH_ROWS);
        for (const scale of SEARCH_SCALES) starts.push([searchStart(sample, problem.unit, scale ** 2), scale]);
      }
      for (const [start, scale] of starts) {
        const fit = fitRobust(problem, start, scale ** 2, FIT_ITERATIONS);
        if (Number.isFinite(fit.likelihood) && fit.coefficients.every(Number.isFinite) && (best === null || fit.likelihood > best.fit.likelihood)) best = { fit, kind, problem };
      }
    }
    if (best === null) return;
    const { kind, problem } = best;
    const fit = this.#withSaid(problem, best.fit, columns, kind);
    this.#kind = kind;
    this.#theta = fit.theta;
    this.#hasFit = true;
    const memory = this.#fitMemory(columns, nowMs);
    for (const [index, column] of columns.entries()) {
      const state = this.#classes[column] as ClassState;
      const unit = kind === 'time' ? durationOf(state) : 1;
      state.costMs = (fit.coefficients[index] as number) * unit;
      state.errorMs = (fit.errors[index] as number) * unit * ERROR_FACTOR;
      state.memoryBytes = memory[index] ?? null;
      state.isFitted = true;
    }
  }

  #startOf(column: number, kind: Kind, unit: number): number {
    const state = this.#classes[column] as ClassState;
    if (!state.isFitted) return unit * this.#theta;
    return kind === 'time' ? state.costMs / Math.max(durationOf(state), 1e-6) : state.costMs;
  }

  /** The records as a regression: CPU by requests worked through (`counts`) or in flight (`time`). */
  #problem(columns: readonly number[], kind: Kind, nowMs: number): RobustProblem {
    const { records } = this.#windows;
    const states = columns.map((column) => this.#classes[column] as ClassState);
    const spanMs = this.#spanCount > 0 ? this.#spanSum / this.#spanCount : 0;
    const meanMs = meanCost(records.level, records.size, states, this.#windows.hosts);
    const durations = states.map((state) => (state.timed > 0 ? Math.max(durationOf(state), 1e-3) : meanMs));
    const unit = Float64Array.from(durations, (duration) => (kind === 'time' ? 1 : duration));
    const source = kind === 'time' ? records.busy : records.counts;
    const { size } = records;
    const range = records.cpu.subarray(0, size).reduce((most, value) => Math.max(most, Math.abs(value)), 1) * 2;
    return {
      rows: size,
      columns: columns.length,
      x: gather(source, columns, size),
      y: records.cpu.subarray(0, size),
      weight: Float64Array.from({ length: size }, (_, row) => 0.5 ** (Math.max(0, nowMs - (records.atMs[row] as number)) / HALF_LIFE_MS)),
      variance: Float64Array.from({ length: size }, (_, row) => Math.max(0.05, records.level[row] as number)),
      group: records.group.subarray(0, size),
      groups: records.group.subarray(0, size).reduce((most, value) => Math.max(most, value), 0) + 1,
      error: gather(records.noise, columns, size),
      errorFactor: (index, coefficient) => {
        const duration = durations[index] as number;
        // A class that mostly waits uses its CPU at a moment of its time in flight that nobody knows.
        const waiting = Math.max(0, 1 - (2 * coefficient) / (unit[index] as number)) ** 2;
        const variance = waiting * (duration + spanMs) + 0.7 * spanMs * Math.min(1, spanMs / duration);
        return kind === 'time' ? variance * duration ** 2 : variance;
      },
      range,
      priorMean: (index, theta) => theta * (unit[index] as number),
      priorSd: (index) => PRIOR_SD * (unit[index] as number),
      unit,
      minScale: MIN_SCALE,
    };
  }

  /** Takes into account what hosts say of their requests' cost, if that agrees with the CPU they used. */
  #withSaid(problem: RobustProblem, fit: RobustFit, columns: readonly number[], kind: Kind): RobustFit {
    const said = columns.map((column, index) => {
      const state = this.#classes[column] as ClassState;
      if (state.said < MIN_COUNT || state.said < state.count / 10) return null;
      return (state.saidMs / state.said / (kind === 'time' ? Math.max(durationOf(state), 1e-3) : 1)) || (problem.unit[index] as number) * 1e-6;
    });
    if (said.every((cost) => cost === null)) return fit;
    const { rows, columns: width, x, y, weight, variance } = problem;
    let top = 0;
    let bottom = 0;
    for (let row = 0; row < rows; row++) {
      let bySaid = 0;
      let residual = y[row] as number;
      for (let i = 0; i < width; i++) {
        const value = x[row * width + i] as number;
        const cost = said[i] ?? null;
        if (cost === null) residual -= value * (fit.coefficients[i] as number);
        else bySaid += value * cost;
      }
      let all = y[row] as number;
      for (let i = 0; i < width; i++) all -= (x[row * width + i] as number) * (fit.coefficients[i] as number);
      // Rows that the fit takes for spoiled say nothing here either.
      if (all * all > 9 * fit.scale * (variance[row] as number)) continue;
      const w = (weight[row] as number) / (variance[row] as number);
      top += w * bySaid * residual;
      bottom += w * bySaid * bySaid;
    }
    const ratio = top / bottom;
    if (!(ratio >= SAID_LEAST && ratio <= SAID_MOST)) return fit;
    const believing: RobustProblem = {
      ...problem,
      priorMean: (index, theta) => said[index] ?? problem.priorMean(index, theta),
      priorSd: (index) => Math.max(SAID_SD * (said[index] ?? problem.priorSd(index) / SAID_SD), 1e-6),
    };
    return fitRobust(believing, fit.coefficients, fit.scale, FIT_ITERATIONS);
  }

  /** Bytes per request in flight, where they show; null where they don't. */
  #fitMemory(columns: readonly number[], nowMs: number): (number | null)[] {
    const { records } = this.#windows;
    const known: number[] = [];
    for (let row = 0; row < records.size; row++) if (records.memory[row] === records.memory[row]) known.push(row);
    if (known.length < MIN_RECORDS) return columns.map(() => null);
    const y = Float64Array.from(known, (row) => records.memory[row] as number);
    const size = y.map(Math.abs).toSorted()[known.length >> 1] as number;
    if (size === 0) return columns.map(() => null);
    const busy = gather(records.busy, columns, records.size);
    const width = columns.length;
    const problem: RobustProblem = {
      rows: known.length,
      columns: width,
      x: Float64Array.from({ length: known.length * width }, (_, at) => busy[(known[Math.floor(at / width)] as number) * width + (at % width)] as number),
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
}

function newClass(name: string): ClassState {
  return { name, count: 0, timed: 0, busyMs: 0, said: 0, saidMs: 0, costMs: 0, errorMs: 0, memoryBytes: null, isFitted: false };
}

function durationOf(state: ClassState): number {
  return state.timed > 0 ? state.busyMs / state.timed : 1;
}

/** A size for classes whose durations nobody tells: five times the CPU that there was for each request. */
function meanCost(level: Float64Array, size: number, states: readonly ClassState[], hosts: number): number {
  let cores = 0;
  for (let row = 0; row < size; row++) cores += level[row] as number;
  // Fading counts are those of a half-life over ln 2.
  const perMs = states.reduce((sum, { count }) => sum + count, 0) / (HALF_LIFE_MS / Math.LN2);
  return Math.max(1e-3, (5 * (cores / Math.max(1, size)) * Math.max(1, hosts)) / Math.max(perMs, 1e-9));
}

function gather(source: Float32Array, columns: readonly number[], rows: number): Float64Array {
  const width = columns.length;
  const out = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    for (let index = 0; index < width; index++) out[row * width + index] = source[row * MAX_COLUMNS + (columns[index] as number)] as number;
  }
  return out;
}

/** Every n-th row, so that about `most` are left. */
function thinned(problem: RobustProblem, most: number): RobustProblem {
  const step = Math.ceil(problem.rows / most);
  if (step <= 1) return problem;
  const rows = Math.floor(problem.rows / step);
  const { columns } = problem;
  const pick = (source: Float64Array): Float64Array => Float64Array.from({ length: rows }, (_, row) => source[row * step] as number);
  const x = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) x.set(problem.x.subarray(row * step * columns, (row * step + 1) * columns), row * columns);
  return { ...problem, rows, x, y: pick(problem.y), weight: pick(problem.weight), variance: pick(problem.variance) };
}
