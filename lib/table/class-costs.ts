// The cost of a request by class. The master publishes costs by class name; the traffic thread reads them by its own
// class ids.

import { type Costs, FLEET, MAX_CLASSES, MAX_POOLS } from '../model.js';
import { REST_CLASS } from '../routing/request-classes.js';
import { setClassCost } from './fleet-cells.js';
import { FLEET_CELLS, firstClassOf, type FleetColumns, poolOfClass } from './layout.js';

/** Cost of every request while nothing is known, in ms. */
export const UNKNOWN_COST_MS = 1;

/**
 * The expected work of a request of this class, in ms of CPU: the published cost of the class, else that of its pool's
 * rest, to which an unnamed class belongs, else the average cost of a request in the pool.
 */
export function expectedCost({ classCost, fleet }: Pick<FleetColumns, 'classCost' | 'fleet'>, classId: number): number {
  const known = classCost[classId] as number;
  if (known > 0) return known;
  const pool = poolOfClass(classId);
  const rest = classCost[firstClassOf(pool) + REST_CLASS] as number;
  if (rest > 0) return rest;
  const mean = fleet[pool * FLEET_CELLS + FLEET.meanCost] as number;
  return mean > 0 ? mean : UNKNOWN_COST_MS;
}

/** Writes the published costs into the shared table's cells. */
export class ClassCosts {
  readonly #columns: FleetColumns;
  readonly #names = new Map<number, string>();
  #costs: ReadonlyMap<string, number> = new Map();
  #published: Costs = [];

  constructor(columns: FleetColumns) {
    this.#columns = columns;
  }

  /** Names a class by the traffic thread's id, for the whole fleet (`classKeyOf`); null when the id is free again. */
  setClass(id: number, name: string | null): void {
    if (!(id >= 0 && id < MAX_CLASSES * MAX_POOLS)) return;
    if (name === null) this.#names.delete(id);
    else this.#names.set(id, name);
    this.#write(id);
  }

  /** Takes the master's costs of all classes, in ms of CPU. */
  take(costs: Costs): void {
    this.#published = costs;
    this.#costs = new Map(costs);
    for (const id of this.#names.keys()) this.#write(id);
  }

  /** The costs last published by the master. */
  get published(): Costs {
    return this.#published;
  }

  #write(id: number): void {
    const name = this.#names.get(id);
    setClassCost(this.#columns, id, (name === undefined ? undefined : this.#costs.get(name)) ?? Number.NaN);
  }
}
