// What the coordination of balancers costs them: each message takes its turn at a thread of its balancer before it has an
// effect. Without costs everything happens at once.

import type { HostTable, LoadMessage } from '../../model.js';
import type { BalancerCost } from './balancer-cost.js';
import type { EventHandler } from './event-queue.js';
import { FLEET_THREAD, HOSTS_THREAD, type Processor, type BalancerThread } from './processor.js';
import type { Processors } from './processors.js';

/** The coordination of all balancers. */
export class Coordination {
  readonly #processors: Processors | null;
  readonly #cost: BalancerCost | null;
  readonly #hosts: number;
  /** Time for which the threads had work at the last look, by balancer, and the time of that look. */
  readonly #lookedActiveMs: readonly Float64Array[];
  readonly #lookedAtMs: readonly Float64Array[];

  constructor(processors: Processors | null, cost: BalancerCost | null, hosts: number) {
    this.#hosts = hosts;
    this.#processors = processors;
    this.#cost = cost;
    const columns = (): Float64Array[] => (processors?.each ?? []).map(() => new Float64Array(HOSTS_THREAD + 1));
    this.#lookedActiveMs = columns();
    this.#lookedAtMs = columns();
  }

  /** Whether it costs anything. */
  get isFree(): boolean {
    return this.#processors === null;
  }

  /**
   * Estimates the share of the time in which a thread is busy if every balancer sends a load message per interval: a fleet
   * that has been running for a while has adapted its interval to it.
   */
  expectedBusy(thread: BalancerThread, everyMs: number, balancers: number, hosts: number): number {
    const cost = this.#cost as BalancerCost;
    const rows = cost.rowMicros * hosts;
    const slave = cost.wakeMicros + cost.tableMicros + cost.loadMicros + 2 * rows;
    const master = cost.masterTableMicros + rows + balancers * (cost.masterLoadMicros + cost.masterHostMicros * hosts);
    const cores =
      thread === FLEET_THREAD
        ? cost.idleCores + slave / (1000 * everyMs)
        : cost.masterIdleCores + master / (1000 * everyMs) + (cost.reportMicros * hosts) / 1e6;
    return Math.min(1, cores / Math.min(1, cost.cores));
  }

  /** CPU that a balancer needs at rest, for this length of time. */
  rest(index: number, isMaster: boolean, forMs: number): void {
    const nothing = (): void => undefined;
    this.#charge(
      index,
      FLEET_THREAD,
      ({ idleCores, wakeMicros }) => Math.max(0, 1000 * forMs * idleCores - wakeMicros),
      nothing,
      0,
      undefined,
    );
    if (isMaster) this.#charge(index, HOSTS_THREAD, ({ masterIdleCores }) => 1000 * forMs * masterIdleCores, nothing, 0, undefined);
  }

  /** A balancer applies a table. */
  table(index: number, table: HostTable, run: EventHandler<HostTable>): void {
    this.#charge(index, FLEET_THREAD, (cost) => cost.tableMicros + cost.rowMicros * this.rowsOf(table), run, index, table);
  }

  /** A balancer sends a load message. */
  load(index: number, message: LoadMessage, run: EventHandler<LoadMessage>): void {
    this.#charge(
      index,
      FLEET_THREAD,
      (cost) => cost.loadMicros + cost.rowMicros * this.#changed(message.hosts.length),
      run,
      index,
      message,
    );
  }

  /** The master takes a load message. */
  masterLoad(master: number, message: LoadMessage, run: EventHandler<LoadMessage>): void {
    const micros = (cost: BalancerCost): number => cost.masterLoadMicros + cost.masterHostMicros * this.#changed(message.hosts.length);
    this.#charge(master, HOSTS_THREAD, micros, run, master, message);
  }

  /** The master takes an agent's report. */
  report<Report>(master: number, report: Report, run: EventHandler<Report>): void {
    this.#charge(master, HOSTS_THREAD, (cost) => cost.reportMicros, run, master, report);
  }

  /** The master publishes a table. */
  masterTable<Tables extends { readonly table: HostTable }>(master: number, tables: Tables, run: EventHandler<Tables>): void {
    this.#charge(master, HOSTS_THREAD, (cost) => cost.masterTableMicros + cost.rowMicros * this.rowsOf(tables.table), run, master, tables);
  }

  /** The rows of a table that are charged. */
  rowsOf({ hosts, figures, loads }: HostTable): number {
    // Reports change rows whatever is requested.
    return hosts.length + figures.length + this.#changed(loads.length);
  }

  /** Hosts that would have changed if each request were the number that it stands for: they change independently. */
  #changed(rows: number): number {
    const standsFor = this.#cost?.standsFor ?? 1;
    if (standsFor === 1) return rows;
    const share = Math.min(1, rows / this.#hosts);
    return this.#hosts * (1 - (1 - share) ** standsFor);
  }

  /** Share of the time since the last call for which a thread had work, as the event loop of the product measures it. */
  busyShare(index: number, thread: BalancerThread, nowMs: number): number {
    const processor = this.#processors?.each[index] as Processor;
    processor.advance(nowMs);
    const [active, at] = [this.#lookedActiveMs[index] as Float64Array, this.#lookedAtMs[index] as Float64Array];
    const share = ((processor.activeMs[thread] as number) - (active[thread] as number)) / (nowMs - (at[thread] as number));
    active[thread] = processor.activeMs[thread] as number;
    at[thread] = nowMs;
    return share;
  }

  #charge<Payload>(
    index: number,
    thread: BalancerThread,
    microsOf: (cost: BalancerCost) => number,
    run: EventHandler<Payload>,
    target: number,
    payload: Payload,
  ): void {
    if (this.#processors === null || this.#cost === null) run(target, payload);
    else this.#processors.add(index, thread, microsOf(this.#cost), run, target, payload);
  }
}
