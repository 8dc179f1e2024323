// One simulated balancer: the product's own table, load messages, policy, ejection and retry budget, wired up as in its
// threads (lib/fleet/fleet.ts, lib/traffic/host/host-pool.ts), but in virtual time.

import { TableOrder } from '../../fleet/table-order.js';
import type { HostTable, LoadMessage, StaticHost } from '../../model.js';
import {
  AVOID_BRIEFLY_MS,
  AVOID_MS,
  type EjectionState,
  endEjection,
  evidenceOf,
  failingAfter,
  failingFaded,
  startEjection,
  takeEvidence,
} from '../../routing/ejection.js';
import { ExchangeBudget, loadIntervalMs, LoadTurns } from '../../redis/load-interval.js';
import type { OutcomeKind } from '../../routing/retry.js';
import { RetryBudget } from '../../routing/retry-budget.js';
import { ClassCosts, expectedCost } from '../../table/class-costs.js';
import { createTable, HEADER, openTable, type TableColumns } from '../../table/layout.js';
import { OwnLoads } from '../../fleet/own-loads.js';
import { beginRequest, clearRequests, countInflight, countLongLived, endRequest, recordServed } from '../../table/own-requests.js';
import { TableReader } from '../../table/reader.js';
import { type SlotChange, TableWriter } from '../../table/writer.js';
import { TRAFFIC_DEFAULTS } from '../../config/traffic-config.js';
import { hostIndexOf } from './host-names.js';
import type { RequestClass } from './scenario.js';

/** Interval of a balancer's upkeep: ejections and medians. */
export const UPKEEP_MS = 250;

/** Picks hosts: a policy of the product, or a peer. */
export interface Picker {
  /** @param isLongLived whether the request asks for a stream that stays open after its work */
  pick(view: TableReader, nowMs: number, excluded: number, cost: number, isLongLived: boolean): number;
}

/** Options of a balancer. */
export interface FleetBalancerOptions {
  readonly index: number;
  /** Numbers of balancers and hosts. */
  readonly balancers: number;
  readonly hosts: number;
  readonly statics: readonly StaticHost[];
  readonly requests: readonly Pick<RequestClass, 'request' | 'costMs'>[];
  /** Whether it knows the mean cost of each class from the start. */
  readonly isCostKnown: boolean;
  /** Interval of its load messages; null as in the product. */
  readonly exchangeMs: number | null;
  /** Whether the exchange costs CPU, so that its interval must follow what the thread can afford. */
  readonly hasBudget?: boolean;
  readonly startMs: number;
}

/** One balancer. */
export class FleetBalancer {
  readonly index: number;
  readonly name: string;
  isAlive = true;
  readonly columns: TableColumns;
  readonly view: TableReader;
  readonly writer: TableWriter;
  readonly budget = new RetryBudget(TRAFFIC_DEFAULTS.retryBudgetPercent);
  /** Maps slot to host, and host to slot; -1 for none. */
  readonly hostOf: Int32Array;
  readonly slotOf: Int32Array;
  /** Interval of its load messages on an idle machine. */
  readonly loadEveryMs: number;
  /** Time of the next load message, unless a table arrives earlier. */
  loadAtMs = 0;
  /** Null if the scenario sets a fixed interval: then tables are not answered. */
  readonly #turns: LoadTurns | null;
  #loads: OwnLoads;
  readonly costs: ClassCosts;
  readonly #order: TableOrder;
  /** Ejection state of each slot's host, and the time of its next probe. */
  readonly #ejections: EjectionState[];
  readonly #probeAtMs: Float64Array;
  /** Slots whose host has gone while requests are still open on it. */
  readonly #isLeaving: Uint8Array;
  #rebuildAtMs = Number.POSITIVE_INFINITY;
  readonly #options: FleetBalancerOptions;
  readonly #budget: ExchangeBudget | null;
  /** The interval that the master can afford. */
  #masterIntervalMs = 0;
  #starts = 1;

  constructor(options: FleetBalancerOptions) {
    const { index, balancers, hosts, statics, requests, isCostKnown, exchangeMs, hasBudget = false, startMs } = options;
    this.#options = options;
    this.#budget = hasBudget && exchangeMs === null ? new ExchangeBudget() : null;
    this.index = index;
    this.name = `b${index + 1}`;
    this.columns = openTable(createTable(hosts));
    this.columns.known.fill(1);
    this.view = new TableReader(this.columns, TRAFFIC_DEFAULTS.slowStartMs);
    this.writer = new TableWriter(this.columns, () => undefined, TRAFFIC_DEFAULTS);
    this.hostOf = new Int32Array(hosts).fill(-1);
    this.slotOf = new Int32Array(hosts).fill(-1);
    this.#isLeaving = new Uint8Array(hosts);
    this.#turns = exchangeMs === null ? new LoadTurns() : null;
    this.loadEveryMs = exchangeMs ?? loadIntervalMs(balancers, hosts);
    this.#loads = new OwnLoads(this.columns, this.name, `${this.name}-1`, statics, 1);
    this.costs = new ClassCosts(this.columns);
    this.#order = new TableOrder(this.writer.stamp);
    this.#ejections = Array.from({ length: hosts }, startEjection);
    this.#probeAtMs = new Float64Array(hosts);
    for (const [id, { request }] of requests.entries()) {
      this.#loads.setClass(1 + id, request);
      this.costs.setClass(1 + id, request);
    }
    if (isCostKnown) this.costs.take(requests.map(({ request, costMs }) => [request, costMs] as const));
    this.#announce(this.writer.setStatics(statics), startMs);
  }

  /** This balancer's expected cost of a request of this class, in ms of CPU. */
  expectedCost(requestClass: number): number {
    return expectedCost(this.columns, 1 + requestClass);
  }

  /** Applies a table message or a snapshot; returns true if messages are missing and the snapshot must be read. */
  takeTable(table: HostTable, isSnapshot: boolean, nowMs: number): boolean {
    const outcome = isSnapshot ? this.#order.onSnapshot(table) : this.#order.onMessage(table);
    if (outcome.kind === 'apply') for (const each of outcome.tables) this.#apply(each, nowMs);
    return this.#order.isBehind;
  }

  /** Whether to answer a table just received with a load message at once; if not, sets the time of the next one. */
  answersTable(nowMs: number): boolean {
    if (this.#turns === null) return false;
    const inMs = this.#turns.answerInMs(this.everyMs, nowMs);
    if (inMs === 0) return true;
    this.loadAtMs = nowMs + inMs;
    return false;
  }

  /** The load message due now; undefined if there is nothing to send, or it can't be sent. */
  nextLoad(canSend: boolean, nowMs: number): LoadMessage | undefined {
    const everyMs = this.everyMs;
    const message = !canSend ? undefined : this.#loads.nextDue(this.writer.hosts(), this.writer.stamp.term, everyMs, nowMs);
    this.loadAtMs = nowMs + (this.#turns?.take(everyMs, nowMs) ?? everyMs);
    return message;
  }

  /** Its fleet thread was busy for this share (0..1) of the last seconds: the interval follows. */
  adapt(busyShare: number): void {
    this.#budget?.take(busyShare);
  }

  /** Its process starts again: nothing is in flight. It keeps its table, which it would read from Redis. */
  restart(): void {
    const { statics, requests } = this.#options;
    this.columns.header[HEADER.inflight] = 0;
    for (let slot = 0; slot < this.#isLeaving.length; slot++) {
      clearRequests(this.columns, slot);
      this.#releaseIfIdle(slot);
    }
    this.#loads = new OwnLoads(this.columns, this.name, `${this.name}-${++this.#starts}`, statics, 1);
    for (const [id, { request }] of requests.entries()) this.#loads.setClass(1 + id, request);
  }

  /** Records a request sent to the host of a slot; `isLongLived`: one that asks for a stream. */
  begin(slot: number, cost: number, nowMs: number, isLongLived = false): void {
    const { header } = this.columns;
    if (isLongLived) this.#countLongLived(slot, 1);
    else beginRequest(this.columns, slot, cost, nowMs);
    header[HEADER.inflight] = (header[HEADER.inflight] as number) + 1;
  }

  /**
   * Records the outcome of a request that started at `startedAtMs`, when the
   * host has done its work: a client that still reads is no matter of the host, see `beginTransfer`. A stream
   * says nothing about what a request costs.
   */
  end(
    slot: number,
    requestClass: number,
    cost: number,
    startedAtMs: number,
    outcome: OutcomeKind,
    status: number,
    nowMs: number,
    isLongLived = false,
  ): void {
    const { served, header } = this.columns;
    if (isLongLived) this.#countLongLived(slot, -1);
    else endRequest(this.columns, slot, cost, startedAtMs, nowMs);
    header[HEADER.inflight] = (header[HEADER.inflight] as number) - 1;
    if (outcome === 'ok') {
      served[slot] = (served[slot] as number) + 1;
      if (status < 500 && !isLongLived)
        recordServed(this.columns, slot, 1 + requestClass, this.expectedCost(requestClass), nowMs - startedAtMs);
    }
    this.#judge(slot, outcome, status, nowMs);
    this.#releaseIfIdle(slot);
  }

  /** The host has done its work for a request (`end`), and its client still reads the answer. */
  beginTransfer(slot: number): void {
    countInflight(this.columns, slot, 1);
  }

  /** The client has read the answer. */
  endTransfer(slot: number): void {
    countInflight(this.columns, slot, -1);
    this.#releaseIfIdle(slot);
  }

  /** The periodic upkeep, four times a second. `isWell` returns whether a host answers a probe. */
  upkeep(nowMs: number, isWell: (host: number) => boolean): void {
    const { failing, ejectedUntil, avoidUntil } = this.columns;
    this.writer.refreshNeutral(nowMs);
    this.#announce(this.writer.sweepOrphans(nowMs), nowMs);
    this.#loads.refreshMeanCost(this.writer.hosts());
    for (const { slot } of this.writer.hosts()) {
      const share = failing[slot] as number;
      if (share > 0) failing[slot] = failingFaded(share, UPKEEP_MS);
      const ejection = this.#ejections[slot] as EjectionState;
      if (ejection.untilMs === 0 || nowMs < (this.#probeAtMs[slot] as number)) continue;
      this.#probeAtMs[slot] = nowMs + TRAFFIC_DEFAULTS.healthIntervalMs;
      if (!isWell(this.hostOf[slot] as number)) continue;
      endEjection(ejection, nowMs);
      ejectedUntil[slot] = avoidUntil[slot] = failing[slot] = 0;
      this.#rebuild(nowMs);
    }
    if (nowMs >= this.#rebuildAtMs) this.#rebuild(nowMs);
  }

  #judge(slot: number, outcome: OutcomeKind, status: number, nowMs: number): void {
    const { failing, avoidUntil, ejectedUntil } = this.columns;
    const ejection = this.#ejections[slot] as EjectionState;
    const evidence = evidenceOf(outcome, status);
    const share = failing[slot] as number;
    if (evidence === null || (evidence === 'good' && share === 0 && ejection.failures === 0)) return;
    failing[slot] = failingAfter(share, evidence);
    if (evidence === 'connect_failed') avoidUntil[slot] = nowMs + AVOID_MS;
    if (!takeEvidence(ejection, evidence, nowMs, TRAFFIC_DEFAULTS)) return;
    ejectedUntil[slot] = Number.POSITIVE_INFINITY;
    avoidUntil[slot] = Math.max(avoidUntil[slot] as number, nowMs + AVOID_BRIEFLY_MS);
    this.#probeAtMs[slot] = ejection.untilMs;
    this.#rebuild(nowMs);
  }

  #apply(table: HostTable, nowMs: number): void {
    this.#masterIntervalMs = table.everyMs ?? 0;
    this.#announce(this.writer.apply(table, nowMs), nowMs);
    if (table.costs !== null) this.costs.take(table.costs);
    this.#loads.onTable(table, this.writer.hosts(), nowMs);
  }

  #announce({ added, removed }: SlotChange, nowMs: number): void {
    const { failing, avoidUntil, ejectedUntil } = this.columns;
    for (const { slot } of removed) {
      ejectedUntil[slot] = avoidUntil[slot] = failing[slot] = 0;
      this.slotOf[this.hostOf[slot] as number] = -1;
      this.#ejections[slot] = startEjection();
      // Requests in flight on it still end on its slot.
      if (this.columns.inflight[slot] === 0) this.writer.release(slot);
      else this.#isLeaving[slot] = 1;
    }
    for (const { slot, name } of added) {
      clearRequests(this.columns, slot);
      const host = hostIndexOf(name);
      this.hostOf[slot] = host;
      this.slotOf[host] = slot;
    }
    if (this.writer.isListOld) this.#rebuild(nowMs);
  }

  /** Interval of its load messages now. */
  get everyMs(): number {
    if (this.#budget === null) return this.loadEveryMs;
    return Math.max(this.#masterIntervalMs, this.#budget.intervalMs(this.#options.balancers, this.#options.hosts));
  }

  #countLongLived(slot: number, by: 1 | -1): void {
    countInflight(this.columns, slot, by);
    countLongLived(this.columns, slot, by);
  }

  /** Releases the slot of a host that has gone after its last request. */
  #releaseIfIdle(slot: number): void {
    if (this.columns.inflight[slot] !== 0 || this.#isLeaving[slot] === 0) return;
    this.#isLeaving[slot] = 0;
    this.writer.release(slot);
  }

  #rebuild(nowMs: number): void {
    this.#rebuildAtMs = this.writer.rebuildCandidates(nowMs);
  }
}
