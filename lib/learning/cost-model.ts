// Learns what one request of each class costs in CPU, on the master, from live traffic. Hosts report the CPU of their
// machine, neighbours included; balancers report which requests finished, and how long they took. From one window to the
// next the neighbours' CPU is mostly constant, so requests explain the changes: a regression that ignores windows in
// which neighbours came or went (robust-fit.ts). While there is no plausible fit, durations are the costs. Invariant:
// whatever hosts report, a cost is between 1/64 and 64 times the duration of its requests.

import { type ClassState, CostClasses, durationOf, MIN_COUNT } from './cost-classes.js';
import { buildCostProblem, explainedPart } from './cost-rows.js';
import { fitRobust, MOST_UNITS } from './robust-fit.js';
import { HALF_LIFE_MS, type WorkReport, WorkWindows } from './work-windows.js';

/** Interval of fits, in ms: a fit takes up to 0.1 s with 64 classes, so that fits take at most 2 % of a core. */
const FIT_EVERY_MS = 5000;

/**
 * The accuracy that costs need, as a factor. Costs that explain more of the used CPU than this, or that add up to less
 * or more than what hosts report, are wrong.
 */
const ACCURACY = 1.5;

/**
 * The least fraction of the used CPU that requests explain. A fit that explains less follows the neighbours, from which
 * balancing hides requests, or an agent whose figures have nothing to do with them.
 */
const MIN_EXPLAINED = 0.15;

/** Largest plausible count in a message, and duration of a request in ms (almost 3 hours). */
const MAX_FIGURE = 1e7;

/** What is known of a class. */
export interface CostEstimate {
  readonly name: string;
  /** CPU of one request in ms, on an average core of the fleet. */
  readonly costMs: number;
  /** Its standard error by the regression; the real one is up to three times as large. */
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

/** The costs of all classes. Bounded in memory (at most about 3 MB, and 5 KB for each of at most 256 hosts) and in time. */
export class CostModel {
  readonly #windows = new WorkWindows();
  readonly #classes = new CostClasses((column) => this.#windows.clear(column));
  /** Decayed sums: the mean interval of load messages, weighted by requests. */
  #spanSum = 0;
  #spanCount = 0;
  /** CPU as a fraction of durations, over all fitted classes; 1 while there is no fit. */
  #theta = 1;
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

  /** How long a fit is due, in ms since the last one (Infinity before the first); 0 while none is due. */
  waitedMs(nowMs: number): number {
    const waitedMs = nowMs - this.#fittedAtMs;
    const columns = this.#classes.busyColumns().length;
    const isDue = waitedMs >= FIT_EVERY_MS && columns > 0 && this.#windows.records.size >= MIN_COUNT * (columns + 1);
    return isDue ? waitedMs : 0;
  }

  /**
   * Call about once a second. Fits every 5 s.
   * @param mayFit false: another model is fitted now, and a fit that is due waits
   */
  tick(nowMs: number, mayFit = true): void {
    if (!Number.isFinite(nowMs)) return;
    const elapsedMs = nowMs - this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    if (elapsedMs > 0) this.#fade(elapsedMs);
    this.#windows.turn(nowMs);
    if (!mayFit || this.waitedMs(nowMs) === 0) return;
    this.#fittedAtMs = nowMs;
    this.#fit(this.#classes.busyColumns(), nowMs);
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
          confidence: isKnown ? Math.max(0, 1 - state.errorMs / costMs) : 0,
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
    if (state.isFitted) return state.costMs;
    return state.timed > 0 ? this.#theta * durationOf(state) : null;
  }

  #fade(elapsedMs: number): void {
    const factor = this.#classes.fade(elapsedMs);
    this.#spanSum *= factor;
    this.#spanCount *= factor;
  }

  /** Fits the costs of these classes. Without a plausible fit, durations are the costs. */
  /** The number of records, as a measure of what is known. */
  get records(): number {
    return this.#windows.records.size;
  }

  #fit(columns: readonly number[], nowMs: number): void {
    const { records } = this.#windows;
    const classes = columns.map((column) => ({ column, durationMs: durationOf(this.#classes.at(column)) }));
    const fit = fitRobust(buildCostProblem(records, classes, nowMs, this.#spanMs()));
    const explained = fit === null ? 0 : explainedPart(records, classes, fit.coefficients);
    if (fit === null || !(explained >= MIN_EXPLAINED && explained <= ACCURACY)) {
      this.#theta = 1;
      for (const state of this.#classes.all()) state.isFitted = false;
      return;
    }
    let sumMs = 0;
    let durationsMs = 0;
    for (const [index, column] of columns.entries()) {
      const state = this.#classes.at(column);
      state.errorMs = fit.errors[index] as number;
      // What can't be distinguished from 0 costs as much as it may well cost.
      state.costMs = Math.max(fit.coefficients[index] as number, state.errorMs);
      state.isFitted = true;
      sumMs += state.count * state.costMs;
      durationsMs += state.count * durationOf(state);
    }
    this.#theta = sumMs / durationsMs;
    this.#useReported();
  }

  /** Costs that hosts report replace the fitted ones if both add up to about the same CPU. */
  #useReported(): void {
    const told = this.#classes.all().filter(({ isFitted, reported }) => isFitted && reported >= MIN_COUNT);
    const sum = (costOf: (state: ClassState) => number): number => told.reduce((total, state) => total + state.count * costOf(state), 0);
    const ratio = sum(({ costMs }) => costMs) / sum(({ reported, reportedMs }) => reportedMs / reported);
    if (!(ratio <= ACCURACY && ratio >= 1 / ACCURACY)) return;
    for (const state of told) {
      const durationMs = durationOf(state);
      state.costMs = Math.min(MOST_UNITS * durationMs, Math.max(durationMs / MOST_UNITS, state.reportedMs / state.reported));
      state.errorMs = state.costMs / Math.sqrt(state.reported);
    }
  }

  /** The mean interval of load messages. */
  #spanMs(): number {
    return this.#spanCount > 0 ? this.#spanSum / this.#spanCount : 0;
  }
}
