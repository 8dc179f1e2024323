// What one request of each class costs in CPU and memory, learned by the master while it runs. Hosts say how much CPU
// their machine used, neighbours included; balancers say which requests were finished, and how long they took. From
// one stretch of time to the next, what the neighbours use is mostly the same, and what changes is explained by the
// requests: a regression that ignores the stretches in which neighbours came or went (robust-fit.ts).
// Until data says better, a class's cost is a part of its duration, the same part for all.

import { type RobustFit, type RobustProblem, fitRobust, searchStart } from './robust-fit.js';
import { REST_NAME } from './request-classes.js';
import { MAX_COLUMNS, MAX_RECORDS, type WorkReport, WorkWindows } from './work-windows.js';

/** Half of what was learned is forgotten in so long. */
const HALF_LIFE_MS = 30_000;

const FIT_EVERY_MS = 5000;
/** How often good starts are looked for anew, instead of going on from the last fit; at first more often. */
const SEARCH_EVERY_MS = 30_000;
const SEARCH_FIRST_MS = 10_000;
/** Each takes some 5 ms with 20 classes. */
const SEARCHES_A_TICK = 2;
const MIN_RECORDS = 30;
const FIT_ITERATIONS = 6;
/** Rows among which starts are looked for. */
const SEARCH_ROWS = 500;
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

/**
 * All requests together must take at least and at most such a part of the CPU that was used. A fit that explains
 * almost nothing of it is one that follows the neighbours: balancing hides requests from it, as hosts that lose
 * CPU to others get fewer.
 */
const EXPLAINED_LEAST = 0.15;
const EXPLAINED_MOST = 1.3;
/** Where nothing else is known, this part of the CPU in use is taken to be of requests. */
const EXPLAINED_GUESS = 0.7;

/**
 * Where load messages come less often than this, nothing is fitted: when requests ended is then not known well enough,
 * and what is wrong with the counts of a stretch is as much as they vary.
 */
const MAX_SPAN_MS = 200;

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
  /** The same of hosts that had CPU to spare. */
  easy: number;
  easyMs: number;
  said: number;
  saidMs: number;
  costMs: number;
  errorMs: number;
  memoryBytes: number | null;
  isFitted: boolean;
}

/** What the coefficients stand for: the cost of a request of the class, or CPU as a part of the time in flight. */
type Kind = 'counts' | 'time';
const KINDS: readonly Kind[] = ['counts', 'time'];

/** Where a start is looked for: the error's standard deviation, in cores at one core in use. */
interface Search {
  readonly kind: Kind;
  readonly scale: number;
}

/** Coefficients by column; those of other columns start where they are. */
interface Start extends Search {
  readonly coefficients: ReadonlyMap<number, number>;
}

interface Candidate {
  readonly fit: RobustFit;
  readonly kind: Kind;
  readonly problem: RobustProblem;
}

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
  /** Searches that are due, and the starts that were found by the others. */
  #searches: Search[] = [];
  #starts: Start[] = [];

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
    const isTimed = busyMs !== null && busyMs >= 0 && busyMs <= count * MAX_DURATION_MS;
    if (isTimed) {
      durationMs = busyMs / count;
      state.timed += count;
      state.busyMs += busyMs;
    }
    if (saidMs !== null && saidMs >= 0 && saidCount > 0 && saidCount <= count && saidMs <= saidCount * MAX_DURATION_MS) {
      state.said += saidCount;
      state.saidMs += saidMs;
    }
    const hasSpare = this.#windows.finished(host, column, count, durationMs, atMs, span);
    if (hasSpare && isTimed) {
      state.easy += count;
      state.easyMs += durationMs * count;
    }
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

  /**
   * To be called about once a second. Every 5 s it fits, and for a few seconds of every 30 it looks for other starts,
   * a few ms at a time.
   */
  tick(nowMs: number): void {
    if (!Number.isFinite(nowMs)) return;
    const elapsedMs = nowMs - this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    if (elapsedMs > 0) this.#fade(0.5 ** (elapsedMs / HALF_LIFE_MS));
    this.#windows.turn(nowMs, this.#spanMs());
    const columns = [...this.#classes.keys()].filter((column) => (this.#classes[column]?.count ?? 0) >= MIN_COUNT);
    if (columns.length === 0 || this.#windows.records.size < MIN_RECORDS) return;
    if (this.#firstFitAtMs !== this.#firstFitAtMs) this.#firstFitAtMs = nowMs;
    if (this.#spanMs() > MAX_SPAN_MS) {
      if (nowMs - this.#fittedAtMs < FIT_EVERY_MS) return;
      this.#fittedAtMs = nowMs;
      this.#guess(columns);
      return;
    }
    if (nowMs - this.#searchedAtMs >= (nowMs - this.#firstFitAtMs <= SEARCH_EVERY_MS ? SEARCH_FIRST_MS : SEARCH_EVERY_MS)) {
      this.#searchedAtMs = nowMs;
      this.#searches = KINDS.flatMap((kind) => SEARCH_SCALES.map((scale) => ({ kind, scale })));
      this.#starts = [];
    }
    if (this.#searches.length > 0) {
      for (const search of this.#searches.splice(0, SEARCHES_A_TICK)) this.#search(columns, search, nowMs);
      if (this.#searches.length > 0 || this.#hasFit) return;
    }
    if (nowMs - this.#fittedAtMs < FIT_EVERY_MS || (!this.#hasFit && this.#starts.length === 0)) return;
    this.#fittedAtMs = nowMs;
    this.#fit(columns, nowMs);
    this.#starts = [];
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
    return state.timed > 0 ? Math.max(LEAST_COST_MS, this.#theta * durationOf(state)) : null;
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
      state.easy *= factor;
      state.easyMs *= factor;
      state.said *= factor;
      state.saidMs *= factor;
    }
  }

  /** Looks for one more start among a part of the rows. */
  #search(columns: readonly number[], { kind, scale }: Search, nowMs: number): void {
    const problem = this.#problem(columns, kind, nowMs, SEARCH_ROWS);
    const found = searchStart(problem, problem.unit, scale ** 2);
    this.#starts.push({ kind, scale, coefficients: new Map(columns.map((column, index) => [column, found[index] as number])) });
  }

  /** Starts compete on a part of the rows, unless there is only one; the winner is then fitted to all. */
  #fit(columns: readonly number[], nowMs: number): void {
    const starts = [...this.#starts];
    if (this.#hasFit) starts.push({ kind: this.#kind, scale: WARM_SCALE, coefficients: new Map() });
    const samples = new Map<Kind, RobustProblem>();
    let winner: { readonly fit: RobustFit; readonly kind: Kind } | null = null;
    for (const { kind, scale, coefficients } of starts) {
      const sample = samples.get(kind) ?? this.#problem(columns, kind, nowMs, starts.length > 1 ? SEARCH_ROWS : MAX_RECORDS);
      samples.set(kind, sample);
      const start = Float64Array.from(columns, (column, index) => coefficients.get(column) ?? this.#startOf(column, kind, sample.unit[index] as number));
      const fit = fitRobust(sample, start, scale ** 2, FIT_ITERATIONS);
      if (fit.likelihood > (winner?.fit.likelihood ?? Number.NEGATIVE_INFINITY) && this.#isPlausible(columns, fit, kind)) winner = { fit, kind };
    }
    let best: Candidate | null = null;
    if (winner !== null) {
      const { fit, kind } = winner;
      const problem = starts.length > 1 ? this.#problem(columns, kind, nowMs, MAX_RECORDS) : (samples.get(kind) as RobustProblem);
      const full = starts.length > 1 ? fitRobust(problem, fit.coefficients, fit.scale, FIT_ITERATIONS) : fit;
      if (this.#isPlausible(columns, full, kind)) best = { fit: full, kind, problem };
    }
    if (best === null) {
      this.#guess(columns);
      return;
    }
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

  /** The mean span of load messages. */
  #spanMs(): number {
    return this.#spanCount > 0 ? this.#spanSum / this.#spanCount : 0;
  }

  #isPlausible(columns: readonly number[], { coefficients }: RobustFit, kind: Kind): boolean {
    const explained = this.#explained(columns, (index) => {
      const unit = kind === 'time' ? durationOf(this.#classes[columns[index] as number] as ClassState) : 1;
      return (coefficients[index] as number) * unit;
    });
    return explained >= EXPLAINED_LEAST && explained <= EXPLAINED_MOST;
  }

  /** How much of the CPU that was used requests take at these costs, as a part of it. */
  #explained(columns: readonly number[], costMs: (index: number) => number): number {
    const { size, level, noise, windowMs } = this.#windows.records;
    const costs = columns.map((_, index) => costMs(index));
    // A part of the rows tells it well enough.
    const step = Math.ceil(size / SEARCH_ROWS);
    let used = 0;
    let taken = 0;
    for (let row = 0; row < size; row += step) {
      used += level[row] as number;
      const squared = (windowMs[row] as number) ** 2;
      for (let index = 0; index < costs.length; index++) {
        taken += (noise[row * MAX_COLUMNS + (columns[index] as number)] as number) * squared * (costs[index] as number);
      }
    }
    return taken / Math.max(used, 1e-9);
  }

  /** No fit is believed: costs are a part of durations, so that they add up to what may be. */
  #guess(columns: readonly number[]): void {
    const explained = this.#explained(columns, (index) => durationOf(this.#classes[columns[index] as number] as ClassState));
    this.#theta = Math.min(1, EXPLAINED_GUESS / Math.max(explained, 1e-9));
    this.#hasFit = false;
    for (const state of this.#classes) if (state !== null) state.isFitted = false;
  }

  #startOf(column: number, kind: Kind, unit: number): number {
    const state = this.#classes[column] as ClassState;
    if (!state.isFitted) return unit * this.#theta;
    return kind === 'time' ? state.costMs / durationOf(state) : state.costMs;
  }

  /** The records (at most about so many) as a regression: CPU by requests worked through (`counts`) or in flight (`time`). */
  #problem(columns: readonly number[], kind: Kind, nowMs: number, most: number): RobustProblem {
    const { records } = this.#windows;
    const states = columns.map((column) => this.#classes[column] as ClassState);
    const spanMs = this.#spanMs();
    const meanMs = meanCost(records.level, records.size, states, this.#windows.hosts);
    const durations = states.map((state) => (state.timed > 0 ? durationOf(state) : meanMs));
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
        // A class that mostly waits uses its CPU at a moment of its time in flight that nobody knows.
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

  /** Takes into account what hosts say of their requests' cost, if that agrees with the CPU they used. */
  #withSaid(problem: RobustProblem, fit: RobustFit, columns: readonly number[], kind: Kind): RobustFit {
    const said = columns.map((column, index) => {
      const state = this.#classes[column] as ClassState;
      if (state.said < MIN_COUNT || state.said < state.count / 10) return null;
      return (state.saidMs / state.said / (kind === 'time' ? durationOf(state) : 1)) || (problem.unit[index] as number) * 1e-6;
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
    const busy = gather(records.busy, columns, records.size, 1);
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
  return { name, count: 0, timed: 0, busyMs: 0, easy: 0, easyMs: 0, said: 0, saidMs: 0, costMs: 0, errorMs: 0, memoryBytes: null, isFitted: false };
}

/** The mean duration in ms, of hosts with CPU to spare if there are any; 1 when none is known. */
function durationOf(state: ClassState): number {
  if (state.easy >= MIN_COUNT) return Math.max(1e-3, state.easyMs / state.easy);
  return state.timed > 0 ? Math.max(1e-3, state.busyMs / state.timed) : 1;
}

/** A size for classes whose durations nobody tells: five times the CPU that there was for each request. */
function meanCost(level: Float64Array, size: number, states: readonly ClassState[], hosts: number): number {
  let cores = 0;
  for (let row = 0; row < size; row++) cores += level[row] as number;
  // Fading counts are those of a half-life over ln 2.
  const perMs = states.reduce((sum, { count }) => sum + count, 0) / (HALF_LIFE_MS / Math.LN2);
  return Math.max(1e-3, (5 * (cores / Math.max(1, size)) * Math.max(1, hosts)) / Math.max(perMs, 1e-9));
}

/** These columns of every n-th row. */
function gather(source: Float32Array, columns: readonly number[], rows: number, step: number): Float64Array {
  const width = columns.length;
  const out = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const base = row * step * MAX_COLUMNS;
    for (let index = 0; index < width; index++) out[row * width + index] = source[base + (columns[index] as number)] as number;
  }
  return out;
}
