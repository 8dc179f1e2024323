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
  /** What was said last, by slot; the name tells whether the slot still is of the same host. */
  readonly #saidOf: string[] = [];
  readonly #saidInflight: Int32Array;
  readonly #saidServed: Float64Array;

  constructor(columns: TableColumns, balancer: string, instance: string, statics: readonly StaticHost[]) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#instance = instance;
    this.#statics = statics;
    this.#saidInflight = new Int32Array(columns.capacity);
    this.#saidServed = new Float64Array(columns.capacity);
  }

  /** The next message: all hosts when `isFull`, else those whose figures changed since the last one. */
  next(hosts: readonly SlotHost[], isFull: boolean): LoadMessage {
    const changed: HostLoad[] = [];
    for (const { slot, name } of hosts) {
      const inflight = Math.max(0, Atomics.load(this.#columns.inflight, slot));
      const served = this.#columns.served[slot] as number;
      const isSaid = this.#saidOf[slot] === name && this.#saidInflight[slot] === inflight && this.#saidServed[slot] === served;
      if (isSaid && !isFull) continue;
      this.#saidOf[slot] = name;
      this.#saidInflight[slot] = inflight;
      this.#saidServed[slot] = served;
      changed.push({ host: name, inflight, served });
    }
    return { balancer: this.#balancer, instance: this.#instance, hosts: changed, isFull, statics: isFull ? this.#statics : [] };
  }
}
