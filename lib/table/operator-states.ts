// What an operator said of hosts, beside their rows in the shared table. Words are kept by name, also of hosts that may
// come later; what stands in the table outlives the fleet thread, so that a host that was taken out stays out.

import { OPERATOR_STATES, type OperatorState } from '../model.js';
import { setOperator } from './fleet-cells.js';
import type { FleetColumns } from './layout.js';
import type { SlotHost } from './slots.js';

/** The words of one operator, for one table. */
export class OperatorStates {
  readonly #columns: FleetColumns;
  #operatorStates: ReadonlyMap<string, OperatorState>;

  /** @param known the hosts whose words stand in the table already */
  constructor(columns: FleetColumns, known: readonly SlotHost[]) {
    this.#columns = columns;
    const operatorStates = known.map(({ name, slot }) => [name, OPERATOR_STATES[(columns.operator[slot] as number) - 1]] as const);
    this.#operatorStates = new Map(operatorStates.filter((each): each is readonly [string, OperatorState] => each[1] !== undefined));
  }

  /** All words, as far as they are known. */
  get all(): ReadonlyMap<string, OperatorState> {
    return this.#operatorStates;
  }

  /** These are all words from now on; `apply` puts them beside the hosts. */
  take(operatorStates: ReadonlyMap<string, OperatorState>): void {
    this.#operatorStates = operatorStates;
  }

  /** Puts the word beside a host; true when it is another one than before. */
  apply({ name, slot }: SlotHost): boolean {
    const word = this.#operatorStates.get(name);
    const code = word === undefined ? 0 : 1 + OPERATOR_STATES.indexOf(word);
    if (this.#columns.operator[slot] === code) return false;
    setOperator(this.#columns, slot, code);
    return true;
  }
}
