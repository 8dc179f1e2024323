// Learns what one request of each class costs in CPU and memory, on the master, from live traffic. Hosts report the CPU
// of their machine, neighbours included; balancers report which requests finished, and how long they took. From one
// window to the next the neighbours' CPU is mostly constant, so requests explain the changes: a regression that ignores
// windows in which neighbours came or went (robust-fit.ts). Until the data says better, a class's cost is a fraction of
// its duration, the same for all classes.

import { type ClassState, CostClasses, durationOf, MIN_COUNT } from './cost-classes.js';
import { buildCostProblem, explainedPart, type Kind, KINDS } from './cost-rows.js';
import { fitRobust, type RobustFit, type RobustProblem } from './robust-fit.js';
import { HALF_LIFE_MS, MAX_RECORDS, type WorkReport, WorkWindows } from './work-windows.js';

/** Interval of fits, in ms. */
const FIT_EVERY_MS = 5000;
/** Rows on which starts are compared, so that no tick takes long. */
const SEARCH_ROWS = 500;
/** The initial standard deviation of a row's error, in cores at one core in use. */
const START_SD = 0.1;
/** Real errors are this many times the regression's own: its rows are not quite independent, nor is its model exact. */
const ERROR_FACTOR = 2.5;
/** Reported costs are used if those of the fit add up to them within this factor, the accuracy that costs need. */
const MAX_REPORTED_RATIO = 1.5;
/**
 * Above this interval of load messages nothing is fitted: the end times of requests are then so imprecise that a
 * window's count is wrong by as much as it varies.
 */
const MAX_SPAN_MS = 200;
/** Largest plausible count, and duration of a request in ms (almost 3 hours). */
const MAX_FIGURE = 1e7;
/** Lower bound of a cost in ms: a request is never free. */
const MIN_COST_MS = 0.02;

/** What is known of a class. */
export interface CostEstimate {
  readonly name: string;
  /** CPU of one request in ms, on an average core of the fleet. */
  readonly costMs: number;
  /** Its standard error. */
  readonly errorMs: number;
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

interface Candidate {
  readonly fit: RobustFit;
  readonly kind: Kind;
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

  /**
   * Records requests of a class that finished on a host within the last `spanMs`, the time since this balancer's
   * previous load message. Call it for each load message; negative, absurd or NaN input is dropped.
   */
  finished(host: string, name: string, requests: FinishedRequests, atMs: number, spanMs: number): void {
    const { count, busyMs = null } = requests;
    if (!(count > 0 && count <= MAX_FIGURE) || !Number.isFinite(atMs)) return;
    const column = this.#classes.columnOf(name);
    const state = this.#classes.at(column);
    const span = spanMs > 0 ? Math.min(spanMs, HALF_LIFE_MS) : 0;
    state.count += count;
    this.#spanSum += span * count;
    this.#spanCount += count;
    let durationMs = state.timed > 0 ? state.busyMs / state.timed : 0;
    const isTimed = busyMs !== null && busyMs >= 0 && busyMs <= count * MAX_FIGURE;
    if (isTimed) {
      durationMs = busyMs / count;
      state.timed += count;
      state.busyMs += busyMs;
    }
    const hasSpare = this.#windows.finished(host, column, count, durationMs, atMs, span);
    if (hasSpare && isTimed) {
      state.idle += count;
      state.idleMs += durationMs * count;
    }
  }

  /** Records the CPU time that hosts reported (`request_cost`) for some requests of a class: their number, and the sum in ms. */
  reported(name: string, count: number, cpuMs: number): void {
    if (!(count > 0 && count <= MAX_FIGURE) || !(cpuMs >= 0 && cpuMs <= count * MAX_FIGURE)) return;
    const state = this.#classes.at(this.#classes.columnOf(name));
    state.reported += count;
    state.reportedMs += cpuMs;
  }

  /** Records a host's report, received at `atMs`, over the preceding `windowMs`. Implausible input is dropped. */
  observe(host: string, report: WorkReport, atMs: number, windowMs: number): void {
    if (Number.isFinite(atMs)) this.#windows.report(host, report, atMs, windowMs);
  }

  /** Call about once a second. Fits every 5 s. */
  tick(nowMs: number): void {
    if (!Number.isFinite(nowMs)) return;
    const elapsedMs = nowMs - this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    if (elapsedMs > 0) this.#fade(elapsedMs);
    this.#windows.turn(nowMs);
    const columns = this.#classes.busyColumns();
    if (columns.length === 0 || this.#windows.records.size <= 2 * columns.length) return;
    if (nowMs - this.#fittedAtMs < FIT_EVERY_MS) return;
    this.#fittedAtMs = nowMs;
    if (this.#spanMs() > MAX_SPAN_MS) this.#guess(columns);
    else this.#fit(columns, nowMs);
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

  /** Starts, the durations and the last fit, compete on a sample of the rows; the winner is then fitted to all rows. */
  #fit(columns: readonly number[], nowMs: number): void {
    let winner: Candidate | null = null;
    for (const kind of KINDS) {
      const sample = this.#problem(columns, kind, nowMs, SEARCH_ROWS);
      const starts = [sample.unit];
      if (this.#hasFit && this.#kind === kind)
        starts.push(Float64Array.from(columns, (column, index) => this.#startOf(column, kind, sample.unit[index] as number)));
      for (const start of starts) {
        const fit = fitRobust(sample, start, START_SD ** 2);
        if (fit.likelihood > (winner?.fit.likelihood ?? Number.NEGATIVE_INFINITY)) winner = { fit, kind };
      }
    }
    if (winner === null) {
      this.#guess(columns);
      return;
    }
    const { kind } = winner;
    const fit = fitRobust(this.#problem(columns, kind, nowMs, MAX_RECORDS), winner.fit.coefficients, winner.fit.scale);
    this.#kind = kind;
    this.#theta = fit.theta;
    this.#hasFit = true;
    for (const [index, column] of columns.entries()) {
      const state = this.#classes.at(column);
      const unit = kind === 'time' ? durationOf(state) : 1;
      state.costMs = (fit.coefficients[index] as number) * unit;
      state.errorMs = (fit.errors[index] as number) * unit * ERROR_FACTOR;
      state.isFitted = true;
    }
    this.#useReported();
  }

  /** Costs that hosts report replace the fitted ones if both add up to about the same CPU. */
  #useReported(): void {
    const told = this.#classes.all().filter(({ isFitted, reported }) => isFitted && reported >= MIN_COUNT);
    const sum = (costOf: (state: ClassState) => number): number => told.reduce((total, state) => total + state.count * costOf(state), 0);
    const ratio = sum(({ costMs }) => costMs) / sum(({ reported, reportedMs }) => reportedMs / reported);
    if (!(ratio <= MAX_REPORTED_RATIO && ratio >= 1 / MAX_REPORTED_RATIO)) return;
    for (const state of told) {
      state.costMs = state.reportedMs / state.reported;
      state.errorMs = state.costMs / Math.sqrt(state.reported);
    }
  }

  /** The mean interval of load messages. */
  #spanMs(): number {
    return this.#spanCount > 0 ? this.#spanSum / this.#spanCount : 0;
  }

  /** Falls back to a fraction of durations that adds up to no more than the CPU used. */
  #guess(columns: readonly number[]): void {
    const durationsMs = columns.map((column) => durationOf(this.#classes.at(column)));
    const explained = explainedPart(this.#windows.records, columns, durationsMs);
    this.#theta = Math.min(1, 1 / explained);
    this.#hasFit = false;
    for (const state of this.#classes.all()) state.isFitted = false;
  }

  #startOf(column: number, kind: Kind, unit: number): number {
    const state = this.#classes.at(column);
    if (!state.isFitted) return unit * this.#theta;
    return kind === 'time' ? state.costMs / durationOf(state) : state.costMs;
  }

  #problem(columns: readonly number[], kind: Kind, nowMs: number, most: number): RobustProblem {
    const classes = columns.map((column) => ({ column, durationMs: durationOf(this.#classes.at(column)) }));
    return buildCostProblem(this.#windows.records, classes, kind, nowMs, most, this.#spanMs());
  }
}
