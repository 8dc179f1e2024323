// The operators' settings of hosts in the shared table. They are kept by name, for hosts that may join later too, and
// the table outlives the fleet thread, so that a host that was taken out stays out.

import { OPERATOR_STATES, type OperatorState } from '../model.js';
import { bareNameOf } from '../host-id.js';
import { setOperator } from './fleet-cells.js';
import type { FleetColumns } from './layout.js';
import type { SlotHost } from './slots.js';

/** The operators' settings for one table: a setting names a host of one pool by its id, or a host in all its pools by its name. */
export class OperatorStates {
  readonly #columns: FleetColumns;
  #operatorStates: ReadonlyMap<string, OperatorState>;

  /** @param known the hosts whose settings are in the table already */
  constructor(columns: FleetColumns, known: readonly SlotHost[]) {
    this.#columns = columns;
    const operatorStates = known.map(({ name, slot }) => [name, OPERATOR_STATES[(columns.operator[slot] as number) - 1]] as const);
    this.#operatorStates = new Map(operatorStates.filter((each): each is readonly [string, OperatorState] => each[1] !== undefined));
  }

  /** All known settings, by host. */
  get all(): ReadonlyMap<string, OperatorState> {
    return this.#operatorStates;
  }

  /** Replaces all settings; `apply` writes them to the table. */
  take(operatorStates: ReadonlyMap<string, OperatorState>): void {
    this.#operatorStates = operatorStates;
  }

  /** The setting of the host with this id. */
  of(id: string): OperatorState | undefined {
    return this.#operatorStates.get(id) ?? this.#operatorStates.get(bareNameOf(id));
  }

  /** Writes a host's setting; true when it changed. */
  apply({ name, slot }: SlotHost): boolean {
    const state = this.of(name);
    const code = state === undefined ? 0 : 1 + OPERATOR_STATES.indexOf(state);
    if (this.#columns.operator[slot] === code) return false;
    setOperator(this.#columns, slot, code);
    return true;
  }
}
