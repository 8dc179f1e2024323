// The classes of requests whose costs are learned: each class's column, and the sums over its requests. Sums decay, so
// that they cover about the last 45 s. Bounded: the least used class gives way to a new one.

import { HALF_LIFE_MS, type Kind } from './cost-rows.js';
import { REST_NAME } from '../routing/request-classes.js';
import { MAX_COLUMNS } from './work-windows.js';

/** A class with a lower (decayed) count is not fitted. */
export const MIN_COUNT = 5;

/** A class whose count decayed below this can be replaced by a new one. */
const IDLE_COUNT = 0.01;
const MAX_NAME = 256;

/** Hosts report the CPU time of a sample of requests; a smaller sample than this fraction is not used. */
const MIN_REPORTED_SHARE = 0.01;

/** Recent requests: half-life in ms, and the minimum number needed for a comparison. */
const RECENT_MS = 2000;
const MIN_RECENT = 20;

/** A geometric mean of durations below this factor is clearly less. The geometric mean is insensitive to a few long requests. */
const CLEARLY_LESS = 0.7;

/** One class. */
export interface ClassState {
  name: string;
  /** Decayed sums. */
  count: number;
  /** Number of requests with known durations. */
  timed: number;
  busyMs: number;
  /** The sum of the logarithms of durations in ms. */
  logMs: number;
  /** The same over the last few seconds. */
  recent: number;
  recentMs: number;
  recentLogMs: number;
  /** The same on hosts with idle CPU. */
  idle: number;
  idleMs: number;
  reported: number;
  reportedMs: number;
  costMs: number;
  errorMs: number;
  memoryBytes: number | null;
  isFitted: boolean;
}

/** All classes by column; column 0 is the rest. */
export class CostClasses {
  readonly #columns = new Map<string, number>([[REST_NAME, 0]]);
  readonly #states: (ClassState | null)[] = [newClass(REST_NAME), ...Array.from({ length: MAX_COLUMNS - 1 }, () => null)];
  readonly #onFreed: (column: number) => void;

  /** @param onFreed called when a column is reassigned to another class */
  constructor(onFreed: (column: number) => void) {
    this.#onFreed = onFreed;
  }

  /** The column of a class; 0 (the rest) if there is no room for it. */
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

  /** The class of an assigned column. */
  at(column: number): ClassState {
    return this.#states[column] as ClassState;
  }

  /** All classes. */
  all(): ClassState[] {
    return this.#states.filter((state) => state !== null);
  }

  /** The columns of classes with enough requests to be fitted. */
  busyColumns(): number[] {
    return [...this.#states.keys()].filter((column) => (this.#states[column]?.count ?? 0) >= MIN_COUNT);
  }

  /** The CPU time that hosts report for a request of each class, in the units of this kind of fit; null for too small a sample. */
  reportedCosts(columns: readonly number[], kind: Kind, unit: Float64Array): (number | null)[] {
    return columns.map((column, index) => {
      const state = this.at(column);
      if (state.reported < MIN_COUNT || state.reported < state.count * MIN_REPORTED_SHARE) return null;
      return Math.max(state.reportedMs / state.reported / (kind === 'time' ? durationOf(state) : 1), (unit[index] as number) * 1e-6);
    });
  }

  /**
   * Decays all sums. If a class's requests were clearly slower before than in the last seconds, CPU was short and no
   * longer is: the old durations are dropped. (In the opposite case it may be short now.)
   * @returns the factor by which sums decayed (0..1)
   */
  fade(elapsedMs: number): number {
    const factor = 0.5 ** (elapsedMs / HALF_LIFE_MS);
    for (const state of this.all()) {
      if (state.recent >= MIN_RECENT && state.recentLogMs / state.recent < state.logMs / state.timed + Math.log(CLEARLY_LESS)) {
        state.timed = state.recent;
        state.busyMs = state.recentMs;
        state.logMs = state.recentLogMs;
      }
      const recent = Math.max(state.recent * 0.5 ** (elapsedMs / RECENT_MS), Math.min(state.recent, MIN_RECENT));
      const kept = recent / state.recent || 0;
      state.recent *= kept;
      state.recentMs *= kept;
      state.recentLogMs *= kept;
      state.count *= factor;
      state.timed *= factor;
      state.busyMs *= factor;
      state.logMs *= factor;
      state.idle *= factor;
      state.idleMs *= factor;
      state.reported *= factor;
      state.reportedMs *= factor;
    }
    return factor;
  }
}

/** Adds durations of a class: `busyMs` is the sum over `count` requests. */
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
    idle: 0,
    idleMs: 0,
    reported: 0,
    reportedMs: 0,
    costMs: 0,
    errorMs: 0,
    memoryBytes: null,
    isFitted: false,
  };
}

/** Mean duration in ms, on hosts with idle CPU if there are any; 1 when unknown. */
export function durationOf(state: ClassState): number {
  if (state.idle >= MIN_COUNT) return Math.max(1e-3, state.idleMs / state.idle);
  return state.timed > 0 ? Math.max(1e-3, state.busyMs / state.timed) : 1;
}
