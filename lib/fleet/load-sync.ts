// This balancer's part in the exchange of loads: says at the fleet's pace what it has in flight, and brings what the
// master tells of loads and costs into the shared table.

import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { Costs, HostTable } from '../model.js';
import type { Keys } from '../redis/keys.js';
import { encodeLoad } from '../redis/load-message.js';
import type { QuietPublisher } from '../redis/quiet-publish.js';
import { ExchangeBudget, LoadPace, loadIntervalMs, longestIntervalMs } from '../redis/load-interval.js';
import { ClassCosts } from '../table/class-costs.js';
import type { TableColumns } from '../table/layout.js';
import { OwnLoads } from './own-loads.js';
import type { TableWriter } from '../table/writer.js';
import type { ThreadConfig } from '../thread-messages.js';

/** How often the budget is looked at, in upkeeps. */
const UPKEEPS_PER_LOOK = 8;

/** The most that `randomInt` gives; there are 32 times as many numbers above it for the messages. */
const MAX_FIRST_SEQ = 2 ** 48 - 1;

/** What it is handed. */
export interface LoadSyncOptions {
  readonly publisher: QuietPublisher;
  readonly keys: Keys;
  readonly config: ThreadConfig;
  readonly columns: TableColumns;
  readonly clock: Clock;
  /** Whether this balancer takes part in the fleet under its name: of two with one name only one says what it has in flight. */
  readonly isHeard: () => boolean;
}

/** A class of requests by the traffic thread's id; null: none has the id any more. */
export type NamedClass = readonly [id: number, name: string | null];

/** Loads and costs of one balancer. */
export class LoadSync {
  readonly #options: LoadSyncOptions;
  readonly #loads: OwnLoads;
  readonly #costs: ClassCosts;
  readonly #pace = new LoadPace();
  readonly #budget = new ExchangeBudget();
  #used = performance.eventLoopUtilization();
  #upkeeps = 0;
  #balancers = 1;
  /** What the master can afford. */
  #toldMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadSyncOptions) {
    const { columns, config } = options;
    this.#options = options;
    // Anywhere, so that what is acknowledged of an earlier process under this name is none of this one's.
    this.#loads = new OwnLoads(columns, config.name, config.instance, config.statics, randomInt(1, MAX_FIRST_SEQ));
    this.#costs = new ClassCosts(columns);
  }

  /** What the master said last that requests cost. */
  get costs(): Costs {
    return this.#costs.told;
  }

  /** Begins to say what is in flight. */
  start(writer: TableWriter): void {
    this.#wait(writer, this.#takeTurn(writer, false));
  }

  /** Says what is due; gives how long to wait for the next table. What can't be sent now is in a later message. */
  #takeTurn(writer: TableWriter, isTable: boolean): number {
    const { publisher, keys, clock, isHeard } = this.#options;
    const everyMs = this.#everyMs(writer);
    const nowMs = clock();
    const message = publisher.isReady && isHeard() ? this.#loads.nextDue(writer.hosts(), writer.stamp.term, everyMs, nowMs) : undefined;
    if (message !== undefined) publisher.publish(keys.load, encodeLoad(message));
    return this.#pace.took(message !== undefined, isTable, everyMs, nowMs);
  }

  #wait(writer: TableWriter, waitMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(writer), waitMs);
  }

  #everyMs(writer: TableWriter): number {
    const hosts = writer.hosts().length;
    return Math.max(
      this.#toldMs,
      this.#budget.stretched(loadIntervalMs(this.#balancers, hosts), longestIntervalMs(this.#balancers, hosts)),
    );
  }

  /** So many balancers the fleet has. */
  setBalancers(count: number): void {
    this.#balancers = count;
  }

  setClasses(named: readonly NamedClass[]): void {
    for (const [id, name] of named) {
      this.#loads.setClass(id, name);
      this.#costs.setClass(id, name);
    }
  }

  /** A table of the master was written into the shared one. */
  onTable(table: HostTable, writer: TableWriter, nowMs: number): void {
    this.#toldMs = table.everyMs ?? 0;
    if (table.costs !== null) this.#costs.take(table.costs);
    this.#loads.onTable(table, writer.hosts(), nowMs);
    if (this.#timer === undefined) return;
    const everyMs = this.#everyMs(writer);
    this.#wait(writer, this.#pace.answersTable(everyMs, nowMs) ? this.#takeTurn(writer, true) : this.#pace.left(everyMs, nowMs));
  }

  /** To be called a few times a second. */
  upkeep(writer: TableWriter): void {
    this.#loads.refreshMeanCost(writer.hosts());
    if (this.#upkeeps++ % UPKEEPS_PER_LOOK !== 0) return;
    const since = this.#used;
    this.#used = performance.eventLoopUtilization();
    this.#budget.take(performance.eventLoopUtilization(this.#used, since).utilization);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
