// What one request of each class costs in CPU and memory, learned by the master while it runs. Hosts say how much CPU
// their machine used, neighbours included; balancers say which requests were finished, and how long they took. From
// one stretch of time to the next, what the neighbours use is mostly the same, and what changes is explained by the
// requests: a regression that ignores the stretches in which neighbours came or went (robust-fit.ts).
// Until data says better, a class's cost is a part of its duration, the same part for all.

import { addDurations, type ClassState, CostClasses, durationOf, MIN_COUNT } from './cost-classes.js';
import {
  buildCostProblem,
  believeSaid,
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
/** How often good starts are looked for anew, instead of going on from the last fit; at first more often. */
const SEARCH_EVERY_MS = 30_000;
const SEARCH_FIRST_MS = 10_000;
/** Each takes some 5 ms with 20 classes. */
const SEARCHES_A_TICK = 2;
/** Rows among which starts are looked for. */
const SEARCH_ROWS = 500;
/** Where the error's standard deviation may be, in cores at one core in use. */
const SEARCH_SCALES = [0.03, 0.1, 0.3];
/** The same when it goes on from the last fit. */
const WARM_SCALE = 0.1;

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

const MAX_COUNT = 1e7;
/** No duration is longer, for us: an hour. */
const MAX_DURATION_MS = 3_600_000;
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
}

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
  readonly #classes = new CostClasses((column) => this.#windows.clear(column));
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
      state.easy += count;
      state.easyMs += durationMs * count;
    }
  }

  /** What hosts themselves said that some of a class's requests took (`request_cost`): how many, and their CPU in ms added up. */
  said(name: string, count: number, cpuMs: number): void {
    if (!(count > 0 && count <= MAX_COUNT) || !(cpuMs >= 0 && cpuMs <= count * MAX_DURATION_MS)) return;
    const state = this.#classes.at(this.#classes.columnOf(name));
    state.said += count;
    state.saidMs += cpuMs;
  }

  /** A host's report, heard at `atMs`, of the `windowMs` before it. What makes no sense is dropped. */
  observe(host: string, report: WorkReport, atMs: number, windowMs: number): void {
    if (Number.isFinite(atMs)) this.#windows.report(host, report, atMs, windowMs);
  }

  /**
   * To be called about once a second. Every 5 s it fits, and for a few seconds of every 30 it looks for other starts,
   * a few ms at a time.
   */
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

  /** All classes of which anything is known, dearest work first: cost times samples. */
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
          confidence: isKnown ? Math.max(0, 1 - state.errorMs / Math.max(costMs, LEAST_COST_MS)) : 0,
          samples: Math.round(state.count),
        };
      })
      .filter(({ costMs }) => costMs === costMs)
      .toSorted((one, other) => other.costMs * other.samples - one.costMs * one.samples);
  }

  /** The costs in ms to publish: of all classes that requests of late tell something of. */
  costs(): ReadonlyMap<string, number> {
    return new Map(
      this.estimates().flatMap(({ name, costMs, samples }): [string, number][] => (samples >= MIN_COUNT ? [[name, costMs]] : [])),
    );
  }

  #costOf(state: ClassState): number | null {
    if (state.isFitted) return Math.max(LEAST_COST_MS, state.costMs);
    return state.timed > 0 ? Math.max(LEAST_COST_MS, this.#theta * durationOf(state)) : null;
  }

  #fade(elapsedMs: number): void {
    const factor = this.#classes.fade(elapsedMs);
    this.#spanSum *= factor;
    this.#spanCount *= factor;
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
    const fit = believeSaid(problem, best.fit, this.#classes.saidCosts(columns, kind, problem.unit));
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

  /** The mean span of load messages. */
  #spanMs(): number {
    return this.#spanCount > 0 ? this.#spanSum / this.#spanCount : 0;
  }

  #isPlausible(columns: readonly number[], { coefficients }: RobustFit, kind: Kind): boolean {
    const costsMs = columns.map(
      (column, index) => (coefficients[index] as number) * (kind === 'time' ? durationOf(this.#classes.at(column)) : 1),
    );
    const explained = explainedPart(this.#windows.records, columns, costsMs);
    return explained >= EXPLAINED_LEAST && explained <= EXPLAINED_MOST;
  }

  /** No fit is believed: costs are a part of durations, so that they add up to what may be. */
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
