// The classes of requests whose costs are learned: each class's column, and the sums over its requests. Sums decay, so
// that they cover about the last 45 s. Bounded: the least used class gives way to a new one.

import { MAX_CLASSES } from '../model.js';
import { REST_NAME } from '../routing/request-classes.js';
import { HALF_LIFE_MS } from './work-windows.js';

/** A class with a lower (decayed) count is not fitted, nor is a smaller sample of reported costs used. */
export const MIN_COUNT = 5;

/** One class. */
export interface ClassState {
  name: string;
  /** Decayed sums. */
  count: number;
  /** Number of requests with known durations. */
  timed: number;
  busyMs: number;
  /** The same on hosts with idle CPU. */
  idle: number;
  idleMs: number;
  reported: number;
  reportedMs: number;
  costMs: number;
  errorMs: number;
  isFitted: boolean;
}

/** All classes by column; column 0 is the rest. */
export class CostClasses {
  readonly #columns = new Map<string, number>([[REST_NAME, 0]]);
  readonly #states: (ClassState | null)[] = [newClass(REST_NAME), ...Array.from({ length: MAX_CLASSES - 1 }, () => null)];
  readonly #onFreed: (column: number) => void;

  /** @param onFreed called when a column is reassigned to another class */
  constructor(onFreed: (column: number) => void) {
    this.#onFreed = onFreed;
  }

  /** The column of a class; 0 (the rest) if there is no room for it. */
  columnOf(name: string): number {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    if (name === '') return 0;
    let column = this.#states.indexOf(null);
    if (column < 0) {
      column = this.#states.findIndex((state, index) => index > 0 && (state as ClassState).count * MAX_CLASSES < 1);
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

  /** Decays all sums; returns the factor (0..1). */
  fade(elapsedMs: number): number {
    const factor = 0.5 ** (elapsedMs / HALF_LIFE_MS);
    for (const state of this.all()) {
      state.count *= factor;
      state.timed *= factor;
      state.busyMs *= factor;
      state.idle *= factor;
      state.idleMs *= factor;
      state.reported *= factor;
      state.reportedMs *= factor;
    }
    return factor;
  }
}

function newClass(name: string): ClassState {
  return {
    name,
    count: 0,
    timed: 0,
    busyMs: 0,
    idle: 0,
    idleMs: 0,
    reported: 0,
    reportedMs: 0,
    costMs: 0,
    errorMs: 0,
    isFitted: false,
  };
}

/** Mean duration in ms, on hosts with idle CPU if there are any; 1 when unknown. */
export function durationOf(state: ClassState): number {
  if (state.idle >= MIN_COUNT) return Math.max(1e-3, state.idleMs / state.idle);
  return state.timed > 0 ? Math.max(1e-3, state.busyMs / state.timed) : 1;
}
