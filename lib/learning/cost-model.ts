// Learns what one request of each class costs in CPU and memory, on the master, from live traffic. Hosts report the CPU
// of their machine, neighbours included; balancers report which requests finished, and how long they took. From one
// window to the next the neighbours' CPU is mostly constant, so requests explain the changes: a regression that ignores
// windows in which neighbours came or went (robust-fit.ts). Until the data says better, a class's cost is a fraction of
// its duration, the same for all classes.

import { addDurations, type ClassState, CostClasses, durationOf, MIN_COUNT } from './cost-classes.js';
import {
  buildCostProblem,
  useReportedCosts,
  type ClassFigures,
  ERROR_FACTOR,
  explainedPart,
  FIT_ITERATIONS,
  fitMemory,
  type Kind,
  KINDS,
  MIN_RECORDS,
} from './cost-rows.js';
import { type RobustFit, type RobustProblem, fitRobust, searchStart } from './robust-fit.js';
import { MAX_RECORDS, type WorkReport, WorkWindows } from './work-windows.js';

const FIT_EVERY_MS = 5000;
/** Interval at which good starts are searched again instead of continuing from the last fit; shorter at first. */
const SEARCH_EVERY_MS = 30_000;
const SEARCH_FIRST_MS = 10_000;
/** Each search takes about 5 ms with 20 classes. */
const SEARCHES_A_TICK = 2;
/** Rows over which starts are searched. */
const SEARCH_ROWS = 500;
/** Candidates for the error's standard deviation, in cores at one core in use. */
const SEARCH_SCALES = [0.03, 0.1, 0.3];
/** The same when continuing from the last fit. */
const WARM_SCALE = 0.1;

/**
 * Bounds of the fraction of used CPU that requests may explain. A fit that explains almost nothing follows the
 * neighbours: balancing hides requests from it, as hosts that lose CPU to others get fewer.
 */
const MIN_EXPLAINED = 0.15;
const MAX_EXPLAINED = 1.3;
/** The fraction of used CPU attributed to requests while nothing else is known. */
const EXPLAINED_GUESS = 0.7;

/**
 * Above this interval of load messages nothing is fitted: the end times of requests are then so imprecise that a
 * window's count is wrong by as much as it varies.
 */
const MAX_SPAN_MS = 200;

const MAX_COUNT = 1e7;
/** Longest plausible duration: an hour. */
const MAX_DURATION_MS = 3_600_000;
/** Lower bound of a cost: a request is never free. */
const MIN_COST_MS = 0.02;

/** What is known of a class. */
export interface CostEstimate {
  readonly name: string;
  /** CPU of one request in ms, on an average core of the fleet. */
  readonly costMs: number;
  /** Its standard error. */
  readonly errorMs: number;
  /** Approximate memory of one request while in flight; null when not discernible. */
  readonly memoryBytes: number | null;
  /** Confidence: 0 for an estimate by duration, 0.9 for an error of about 10 %, 1 at most. */
  readonly confidence: number;
  /** Decayed number of requests it rests on, of about the last 45 s. */
  readonly samples: number;
}

/** Requests of one class that finished on one host, from one load message. */
export interface FinishedRequests {
  readonly count: number;
  /** The sum of their durations in ms, from sending to the end of the response; null when unknown. */
  readonly busyMs?: number | null;
}

/** Where to search a start: the error's standard deviation, in cores at one core in use. */
interface Search {
  readonly kind: Kind;
  readonly scale: number;
}

/** Coefficients by column; other columns start from their present value. */
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
  readonly #classes = new CostClasses((column) => this.#windows.clear(column));
  /** Decayed sums: the mean interval of load messages, weighted by requests. */
  #spanSum = 0;
  #spanCount = 0;
  /** CPU as a fraction of durations, over all classes. */
  #theta = 1;
  #kind: Kind = 'counts';
  #hasFit = false;
  #turnedAtMs = Number.NaN;
  #fittedAtMs = Number.NEGATIVE_INFINITY;
  #searchedAtMs = Number.NEGATIVE_INFINITY;
  #firstFitAtMs = Number.NaN;
  /** Searches to do, and the starts that the previous ones found. */
  #searches: Search[] = [];
  #starts: Start[] = [];

  /**
   * Records requests of a class that finished on a host within the last `spanMs`, the time since this balancer's
   * previous load message. Call it for each load message; negative, absurd or NaN input is dropped.
   */
  finished(host: string, name: string, requests: FinishedRequests, atMs: number, spanMs: number): void {
    const { count, busyMs = null } = requests;
    if (!(count > 0 && count <= MAX_COUNT) || !Number.isFinite(atMs)) return;
    const column = this.#classes.columnOf(name);
    const state = this.#classes.at(column);
    const span = spanMs > 0 ? Math.min(spanMs, 10_000) : 0;
    state.count += count;
    this.#spanSum += span * count;
    this.#spanCount += count;
    let durationMs = state.timed > 0 ? state.busyMs / state.timed : 0;
    const isTimed = busyMs !== null && busyMs >= 0 && busyMs <= count * MAX_DURATION_MS;
    if (isTimed) {
      durationMs = busyMs / count;
      addDurations(state, count, busyMs);
    }
    const hasSpare = this.#windows.finished(host, column, count, durationMs, atMs, span);
    if (hasSpare && isTimed) {
      state.idle += count;
      state.idleMs += durationMs * count;
    }
  }

  /** Records the CPU time that hosts reported (`request_cost`) for some requests of a class: their number, and the sum in ms. */
  reported(name: string, count: number, cpuMs: number): void {
    if (!(count > 0 && count <= MAX_COUNT) || !(cpuMs >= 0 && cpuMs <= count * MAX_DURATION_MS)) return;
    const state = this.#classes.at(this.#classes.columnOf(name));
    state.reported += count;
    state.reportedMs += cpuMs;
  }

  /** Records a host's report, received at `atMs`, over the preceding `windowMs`. Implausible input is dropped. */
  observe(host: string, report: WorkReport, atMs: number, windowMs: number): void {
    if (Number.isFinite(atMs)) this.#windows.report(host, report, atMs, windowMs);
  }

  /** Call about once a second. Fits every 5 s; every 30 s it also searches other starts for a few seconds, a few ms at a time. */
  tick(nowMs: number): void {
    if (!Number.isFinite(nowMs)) return;
    const elapsedMs = nowMs - this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    if (elapsedMs > 0) this.#fade(elapsedMs);
    this.#windows.turn(nowMs, this.#spanMs());
    const columns = this.#classes.busyColumns();
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

  /** All known classes, by total work (cost times samples), largest first. */
  estimates(): readonly CostEstimate[] {
    return this.#classes
      .all()
      .filter(({ count }) => count >= 1)
      .map((state): CostEstimate => {
        const costMs = this.#costOf(state);
        const isKnown = state.isFitted && costMs !== null;
        return {
          name: state.name,
          costMs: costMs ?? Number.NaN,
          errorMs: isKnown ? state.errorMs : Number.NaN,
          memoryBytes: state.memoryBytes,
          confidence: isKnown ? Math.max(0, 1 - state.errorMs / Math.max(costMs, MIN_COST_MS)) : 0,
          samples: Math.round(state.count),
        };
      })
      .filter(({ costMs }) => costMs === costMs)
      .toSorted((one, other) => other.costMs * other.samples - one.costMs * one.samples);
  }

  /** The costs to publish in ms: those of all classes with recent requests. */
  costs(): ReadonlyMap<string, number> {
    return new Map(
      this.estimates().flatMap(({ name, costMs, samples }): [string, number][] => (samples >= MIN_COUNT ? [[name, costMs]] : [])),
    );
  }

  #costOf(state: ClassState): number | null {
    if (state.isFitted) return Math.max(MIN_COST_MS, state.costMs);
    return state.timed > 0 ? Math.max(MIN_COST_MS, this.#theta * durationOf(state)) : null;
  }

  #fade(elapsedMs: number): void {
    const factor = this.#classes.fade(elapsedMs);
    this.#spanSum *= factor;
    this.#spanCount *= factor;
  }

  /** Searches one more start over a sample of the rows. */
  #search(columns: readonly number[], { kind, scale }: Search, nowMs: number): void {
    const problem = this.#problem(columns, kind, nowMs, SEARCH_ROWS);
    const found = searchStart(problem, problem.unit, scale ** 2);
    this.#starts.push({ kind, scale, coefficients: new Map(columns.map((column, index) => [column, found[index] as number])) });
  }

  /** Starts compete on a sample of the rows, unless there is only one; the winner is then fitted to all rows. */
  #fit(columns: readonly number[], nowMs: number): void {
    const starts = [...this.#starts];
    if (this.#hasFit) starts.push({ kind: this.#kind, scale: WARM_SCALE, coefficients: new Map() });
    const samples = new Map<Kind, RobustProblem>();
    let winner: { readonly fit: RobustFit; readonly kind: Kind } | null = null;
    for (const { kind, scale, coefficients } of starts) {
      const sample = samples.get(kind) ?? this.#problem(columns, kind, nowMs, starts.length > 1 ? SEARCH_ROWS : MAX_RECORDS);
      samples.set(kind, sample);
      const start = Float64Array.from(
        columns,
        (column, index) => coefficients.get(column) ?? this.#startOf(column, kind, sample.unit[index] as number),
      );
      const fit = fitRobust(sample, start, scale ** 2, FIT_ITERATIONS);
      if (fit.likelihood > (winner?.fit.likelihood ?? Number.NEGATIVE_INFINITY) && this.#isPlausible(columns, fit, kind))
        winner = { fit, kind };
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
    const fit = useReportedCosts(problem, best.fit, this.#classes.reportedCosts(columns, kind, problem.unit));
    this.#kind = kind;
    this.#theta = fit.theta;
    this.#hasFit = true;
    const memory = fitMemory(this.#windows.records, columns, nowMs);
    for (const [index, column] of columns.entries()) {
      const state = this.#classes.at(column);
      const unit = kind === 'time' ? durationOf(state) : 1;
      state.costMs = (fit.coefficients[index] as number) * unit;
      state.errorMs = (fit.errors[index] as number) * unit * ERROR_FACTOR;
      state.memoryBytes = memory[index] ?? null;
      state.isFitted = true;
    }
  }

  /** The mean interval of load messages. */
  #spanMs(): number {
    return this.#spanCount > 0 ? this.#spanSum / this.#spanCount : 0;
  }

  #isPlausible(columns: readonly number[], { coefficients }: RobustFit, kind: Kind): boolean {
    const costsMs = columns.map(
      (column, index) => (coefficients[index] as number) * (kind === 'time' ? durationOf(this.#classes.at(column)) : 1),
    );
    const explained = explainedPart(this.#windows.records, columns, costsMs);
    return explained >= MIN_EXPLAINED && explained <= MAX_EXPLAINED;
  }

  /** Falls back to a fraction of durations that adds up to plausible CPU use, when no fit is plausible. */
  #guess(columns: readonly number[]): void {
    const durationsMs = columns.map((column) => durationOf(this.#classes.at(column)));
    const explained = explainedPart(this.#windows.records, columns, durationsMs);
    this.#theta = Math.min(1, EXPLAINED_GUESS / Math.max(explained, 1e-9));
    this.#hasFit = false;
    for (const state of this.#classes.all()) state.isFitted = false;
  }

  #startOf(column: number, kind: Kind, unit: number): number {
    const state = this.#classes.at(column);
    if (!state.isFitted) return unit * this.#theta;
    return kind === 'time' ? state.costMs / durationOf(state) : state.costMs;
  }

  #problem(columns: readonly number[], kind: Kind, nowMs: number, most: number): RobustProblem {
    const classes = columns.map((column): ClassFigures => {
      const state = this.#classes.at(column);
      return { column, count: state.count, durationMs: state.timed > 0 ? durationOf(state) : null };
    });
    return buildCostProblem(this.#windows.records, classes, kind, nowMs, most, this.#spanMs(), this.#windows.hosts);
  }
}
