// What a request of each class costs: the master tells it by the class's name, the traffic thread reads it by its
// own number for the class.

import { type Costs, FLEET, MAX_CLASSES } from '../model.js';
import { REST_CLASS } from '../routing/request-classes.js';
import { setClassCost } from './fleet-cells.js';
import type { FleetColumns } from './layout.js';

/** Where nothing is known yet, all requests count the same. */
const UNKNOWN_COST_MS = 1;

/**
 * The work (ms of CPU) that a request of this class is expected to be: what the master told of the class; else of the
 * rest, which a class is part of until it has a name; else what requests cost on average.
 */
export function expectedCost({ classCost, fleet }: Pick<FleetColumns, 'classCost' | 'fleet'>, classId: number): number {
  const known = classCost[classId] as number;
  if (known > 0) return known;
  const rest = classCost[REST_CLASS] as number;
  if (rest > 0) return rest;
  const mean = fleet[FLEET.meanCost] as number;
  return mean > 0 ? mean : UNKNOWN_COST_MS;
}

/** Works out which cell of the shared table has which cost. */
export class ClassCosts {
  readonly #columns: FleetColumns;
  readonly #names: (string | null)[] = [];
  #costs: ReadonlyMap<string, number> = new Map();
  #told: Costs = [];

  constructor(columns: FleetColumns) {
    this.#columns = columns;
  }

  /** A class has this name from now on, by the traffic thread's id; null: none has the id. */
  setClass(id: number, name: string | null): void {
    if (!(id >= 0 && id < MAX_CLASSES)) return;
    this.#names[id] = name;
    this.#write(id);
  }

  /** Takes what the master says: all classes whose cost is known, in milliseconds of CPU. */
  take(costs: Costs): void {
    this.#told = costs;
    this.#costs = new Map(costs);
    for (let id = 0; id < this.#names.length; id++) this.#write(id);
  }

  /** What the master said last. */
  get told(): Costs {
    return this.#told;
  }

  #write(id: number): void {
    const name = this.#names[id] ?? null;
    setClassCost(this.#columns, id, (name === null ? undefined : this.#costs.get(name)) ?? Number.NaN);
  }
}
