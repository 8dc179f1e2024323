// Exchanges loads with the master: sends this balancer's load messages at the fleet's interval, and applies the loads
// and costs in the master's tables.

import { randomInt } from 'node:crypto';
import type { Clock } from '../clock.js';
import type { Costs, HostTable, StaticHost } from '../model.js';
import type { Keys } from '../redis/keys.js';
import { encodeLoad } from '../redis/load-message.js';
import type { QuietPublisher } from '../redis/quiet-publish.js';
import type { MessageSigner } from '../redis/sign.js';
import { ExchangeBudget, LoadTurns } from '../redis/load-interval.js';
import { ClassCosts } from '../table/class-costs.js';
import type { TableColumns } from '../table/layout.js';
import type { LimitSync } from './limit-sync.js';
import { OwnLoads } from './own-loads.js';
import type { TableWriter } from '../table/writer.js';
import type { ThreadConfig } from '../thread-messages.js';

/** The CPU budget is checked once per this many upkeep calls. */
const UPKEEPS_PER_LOOK = 8;

/** Upper limit of `randomInt`; it leaves 32 times as many sequence numbers for the messages. */
const MAX_FIRST_SEQ = 2 ** 48 - 1;

/** The dependencies of `LoadSync`. */
export interface LoadSyncOptions {
  readonly publisher: QuietPublisher;
  readonly signer: MessageSigner;
  readonly keys: Keys;
  readonly config: ThreadConfig;
  readonly columns: TableColumns;
  readonly clock: Clock;
  /** Whether this balancer owns its name: of two with one name only the owner sends its load. */
  readonly isHeard: () => boolean;
  readonly limits: Pick<LimitSync, 'due' | 'onTable'>;
}

/** A class of requests by the traffic thread's id; null when the id is free again. */
export type NamedClass = readonly [id: number, name: string | null];

/** Exchanges loads and costs for one balancer. */
export class LoadSync {
  readonly #options: LoadSyncOptions;
  readonly #loads: OwnLoads;
  readonly #costs: ClassCosts;
  readonly #turns = new LoadTurns();
  readonly #budget = new ExchangeBudget();
  #used = performance.eventLoopUtilization();
  #upkeeps = 0;
  #balancers = 1;
  /** The interval that the master can afford. */
  #masterIntervalMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LoadSyncOptions) {
    const { columns, config } = options;
    this.#options = options;
    // A random start, so that acknowledgements of an earlier process with this name match none of ours.
    this.#loads = new OwnLoads(columns, config.name, config.instance, [], randomInt(1, MAX_FIRST_SEQ));
    this.#costs = new ClassCosts(columns);
  }

  /** The costs last published by the master. */
  get costs(): Costs {
    return this.#costs.published;
  }

  /** Starts to send load messages. */
  start(writer: TableWriter): void {
    this.#wait(writer, this.#takeTurn(writer));
  }

  /**
   * Sends the message that is due and returns how long to wait for the next table, in ms. What can't be sent now goes
   * into a later message.
   */
  #takeTurn(writer: TableWriter): number {
    const { publisher, signer, keys, clock, isHeard, limits } = this.#options;
    const everyMs = this.#everyMs(writer);
    const nowMs = clock();
    if (publisher.isReady && isHeard()) {
      const part = limits.due(nowMs);
      const message = this.#loads.nextDue(writer.hosts(), writer.stamp.term, everyMs, nowMs, part !== undefined);
      if (message !== undefined) {
        const text = encodeLoad(part === undefined ? message : { ...message, limits: part });
        publisher.publish(keys.load, signer.sign(keys.load, text, 'balancer'));
      }
    }
    return this.#turns.take(everyMs, nowMs);
  }

  #wait(writer: TableWriter, waitMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(writer), waitMs);
  }

  #everyMs(writer: TableWriter): number {
    return Math.max(this.#masterIntervalMs, this.#budget.intervalMs(this.#balancers, writer.hosts().length));
  }

  /** Sets the number of balancers in the fleet. */
  setBalancers(count: number): void {
    this.#balancers = count;
  }

  /** Replaces the hosts that this balancer names. */
  setStatics(statics: readonly StaticHost[]): void {
    this.#loads.setStatics(statics);
  }

  /** The interval of load messages, in ms. */
  intervalMs(writer: TableWriter): number {
    return this.#everyMs(writer);
  }

  setClasses(named: readonly NamedClass[]): void {
    for (const [id, name] of named) {
      this.#loads.setClass(id, name);
      this.#costs.setClass(id, name);
    }
  }

  /** Handles a master's table that was written into the shared one. */
  onTable(table: HostTable, writer: TableWriter, nowMs: number): void {
    this.#masterIntervalMs = table.everyMs ?? 0;
    if (table.costs !== null) this.#costs.take(table.costs);
    this.#loads.onTable(table, writer.hosts(), nowMs);
    this.#options.limits.onTable(table);
    this.answerSoon(writer);
  }

  /** There may be something to say: at once, unless this balancer has just spoken. */
  answerSoon(writer: TableWriter): void {
    if (this.#timer === undefined) return;
    const nowMs = this.#options.clock();
    const inMs = this.#turns.answerInMs(this.#everyMs(writer), nowMs);
    this.#wait(writer, inMs === 0 ? this.#takeTurn(writer) : inMs);
  }

  /** Call a few times a second. */
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
