// What a request of each class costs: the master tells it by the class's name, the traffic thread reads it by its
// own number for the class.

import { MAX_CLASSES } from '../model.js';
import type { TableColumns } from './layout.js';

/** Brings the costs into the shared table. */
export class ClassCosts {
  readonly #cells: Float64Array;
  readonly #names: (string | null)[] = [];
  #costs: ReadonlyMap<string, number> = new Map();

  constructor({ classCost }: TableColumns) {
    this.#cells = classCost;
  }

  /** A class has this name from now on, by the traffic thread's id; null: none has the id. */
  setClass(id: number, name: string | null): void {
    if (!(id >= 0 && id < MAX_CLASSES)) return;
    this.#names[id] = name;
    this.#write(id);
  }

  /** Takes what the master says: all classes whose cost is known, in milliseconds of CPU. */
  take(costs: readonly (readonly [name: string, costMs: number])[]): void {
    this.#costs = new Map(costs);
    for (let id = 0; id < this.#names.length; id++) this.#write(id);
  }

  #write(id: number): void {
    const name = this.#names[id] ?? null;
    this.#cells[id] = (name === null ? undefined : this.#costs.get(name)) ?? Number.NaN;
  }
}
