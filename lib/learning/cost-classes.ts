// The classes of requests that costs are learned of: which column each has, and what of its requests is counted.
// Sums fade, so that they tell of about the last 45 s. Bounded: the class of the least use gives its place to a new one.

import { HALF_LIFE_MS, type Kind } from './cost-rows.js';
import { REST_NAME } from '../routing/request-classes.js';
import { MAX_COLUMNS } from './work-windows.js';

/** A class with fewer requests than this (fading) is not fitted. */
export const MIN_COUNT = 5;

/** A class whose count faded below this gives its place to a new one. */
const IDLE_COUNT = 0.01;
const MAX_NAME = 256;

/** Hosts say what a sample of requests took; a smaller one than this is not believed. */
const LEAST_SAID_SHARE = 0.01;

/** What is recent: requests of about the last seconds (half-life), but so many at least, which it takes to tell. */
const RECENT_MS = 2000;
const RECENT_LEAST = 20;

/** What share of the duration before is clearly less; by the geometric mean, which a few long ones that are missing do not change. */
const CLEARLY_LESS = 0.7;

/** One class. */
export interface ClassState {
  name: string;
  /** Fading sums. */
  count: number;
  /** Of these, durations are known. */
  timed: number;
  busyMs: number;
  /** The sum of the logarithms of durations in ms. */
  logMs: number;
  /** The same of the last few seconds. */
  recent: number;
  recentMs: number;
  recentLogMs: number;
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

/** All classes by their columns; column 0 is the rest together. */
export class CostClasses {
  readonly #columns = new Map<string, number>([[REST_NAME, 0]]);
  readonly #states: (ClassState | null)[] = [newClass(REST_NAME), ...Array.from({ length: MAX_COLUMNS - 1 }, () => null)];
  readonly #onFreed: (column: number) => void;

  /** @param onFreed told when a column is of another class from now on */
  constructor(onFreed: (column: number) => void) {
    this.#onFreed = onFreed;
  }

  /** The column of a class: its own, if there is room for it. */
  columnOf(name: string): number {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    if (name === '' || name.length > MAX_NAME) return 0;
    let column = this.#states.indexOf(null);
    if (column < 0) {
      column = this.#states.findIndex((state, index) => index > 0 && (state as ClassState).count < IDLE_COUNT);
      if (column < 0) return 0;
      this.#columns.delete((this.#states[column] as ClassState).name);
      this.#onFreed(column);
    }
    this.#columns.set(name, column);
    this.#states[column] = newClass(name);
    return column;
  }

  /** The class of a column that was given. */
  at(column: number): ClassState {
    return this.#states[column] as ClassState;
  }

  /** All that there are. */
  all(): ClassState[] {
    return this.#states.filter((state) => state !== null);
  }

  /** The columns of those that have enough requests to be fitted. */
  busyColumns(): number[] {
    return [...this.#states.keys()].filter((column) => (this.#states[column]?.count ?? 0) >= MIN_COUNT);
  }

  /** What hosts say that a request of each takes, in the terms of this kind of fit; null where they say too little. */
  saidCosts(columns: readonly number[], kind: Kind, unit: Float64Array): (number | null)[] {
    return columns.map((column, index) => {
      const state = this.at(column);
      if (state.said < MIN_COUNT || state.said < state.count * LEAST_SAID_SHARE) return null;
      return Math.max(state.saidMs / state.said / (kind === 'time' ? durationOf(state) : 1), (unit[index] as number) * 1e-6);
    });
  }

  /**
   * Some time went by. A class whose requests took clearly longer than those of the last seconds was slow since CPU was
   * short, and that is over: what it took then is forgotten. (The other way round it may be short now.)
   * @returns what remains of all sums (0..1)
   */
  fade(elapsedMs: number): number {
    const factor = 0.5 ** (elapsedMs / HALF_LIFE_MS);
    for (const state of this.all()) {
      if (state.recent >= RECENT_LEAST && state.recentLogMs / state.recent < state.logMs / state.timed + Math.log(CLEARLY_LESS)) {
        state.timed = state.recent;
        state.busyMs = state.recentMs;
        state.logMs = state.recentLogMs;
      }
      const recent = Math.max(state.recent * 0.5 ** (elapsedMs / RECENT_MS), Math.min(state.recent, RECENT_LEAST));
      const kept = recent / state.recent || 0;
      state.recent *= kept;
      state.recentMs *= kept;
      state.recentLogMs *= kept;
      state.count *= factor;
      state.timed *= factor;
      state.busyMs *= factor;
      state.logMs *= factor;
      state.easy *= factor;
      state.easyMs *= factor;
      state.said *= factor;
      state.saidMs *= factor;
    }
    return factor;
  }
}

/** So many requests of a class took so long together (ms). */
export function addDurations(state: ClassState, count: number, busyMs: number): void {
  const logMs = count * Math.log(Math.max(busyMs / count, 1e-3));
  state.timed += count;
  state.busyMs += busyMs;
  state.logMs += logMs;
  state.recent += count;
  state.recentMs += busyMs;
  state.recentLogMs += logMs;
}

function newClass(name: string): ClassState {
  return {
    name,
    count: 0,
    timed: 0,
    busyMs: 0,
    logMs: 0,
    recent: 0,
    recentMs: 0,
    recentLogMs: 0,
    easy: 0,
    easyMs: 0,
    said: 0,
    saidMs: 0,
    costMs: 0,
    errorMs: 0,
    memoryBytes: null,
    isFitted: false,
  };
}

/** The mean duration in ms, of hosts with CPU to spare if there are any; 1 when none is known. */
export function durationOf(state: ClassState): number {
  if (state.easy >= MIN_COUNT) return Math.max(1e-3, state.easyMs / state.easy);
  return state.timed > 0 ? Math.max(1e-3, state.busyMs / state.timed) : 1;
}
