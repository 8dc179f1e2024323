// What this balancer says of the requests it has in flight: reads the traffic thread's columns and makes
// load messages of what changed. Counters are totals, so that a lost message loses nothing.

import type { HostLoad, LoadMessage, StaticHost } from '../model.js';
import type { TableColumns } from '../table/layout.js';
import type { SlotHost } from '../table/writer.js';

/** Makes the load messages of one balancer. */
export class LoadReporter {
  readonly #columns: TableColumns;
  readonly #balancer: string;
  readonly #instance: string;
  readonly #statics: readonly StaticHost[];
  #said = new Map<string, HostLoad>();

  constructor(columns: TableColumns, balancer: string, instance: string, statics: readonly StaticHost[]) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#instance = instance;
    this.#statics = statics;
  }

  /** The next message: all hosts when `isFull`, else those whose figures changed since the last one. */
  next(hosts: readonly SlotHost[], isFull: boolean): LoadMessage {
    const said = new Map<string, HostLoad>();
    const changed: HostLoad[] = [];
    for (const { slot, name } of hosts) {
      const load = {
        host: name,
        inflight: Math.max(0, Atomics.load(this.#columns.inflight, slot)),
        served: this.#columns.served[slot] as number,
      };
      const before = this.#said.get(name);
      said.set(name, load);
      if (isFull || before?.inflight !== load.inflight || before.served !== load.served) changed.push(load);
    }
    this.#said = said;
    return { balancer: this.#balancer, instance: this.#instance, hosts: changed, isFull, statics: isFull ? this.#statics : [] };
  }
}
