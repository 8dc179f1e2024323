// Builds this balancer's load messages from the traffic thread's counters. feed-forward.ts tracks which of them the
// master has acknowledged.

import { type SpeedEvidence, type HostLoad, type HostTable, type LoadMessage, MAX_CLASSES, MAX_POOLS, type StaticHost } from '../model.js';
import { FeedForward, type SentLoads } from './feed-forward.js';
import { KEEP_ALIVE_MS } from '../redis/load-interval.js';
import { setFleetFigure, setLoadSeq } from '../table/fleet-cells.js';
import { firstClassOf, NO_POOL, poolOfClass, type TableColumns, WIDE_HEADER } from '../table/layout.js';
import type { SlotHost } from '../table/slots.js';

/** Requests served, and their work (ms of CPU). */
interface Totals {
  served: number;
  work: number;
}

type SentEvidence = { readonly [Sum in keyof SpeedEvidence]: Float64Array };

/** Builds the load messages of one balancer. */
export class OwnLoads {
  readonly #columns: TableColumns;
  readonly #balancer: string;
  readonly #instance: string;
  #statics: readonly StaticHost[];
  /** What the last message contained, by slot; the name says whether the slot still belongs to the same host. */
  readonly #sentNames: string[] = [];
  readonly #sentInflight: Int32Array;
  readonly #sentServed: Float64Array;
  readonly #sentOpen: Int32Array;
  readonly #sentLongLived: Int32Array;
  readonly #sentEvidence: SentEvidence;
  readonly #hostSentAtMs: Float64Array;
  readonly #sentInflightMs: Float64Array;
  readonly #sentCostCount = new Float64Array(MAX_CLASSES * MAX_POOLS);
  readonly #sentCostMs = new Float64Array(MAX_CLASSES * MAX_POOLS);
  readonly #sentByClass: Uint32Array;
  readonly #sentBusyByClass: Float64Array;
  readonly #others: FeedForward;
  /** When the last message and the last full one were sent, and the term of the master that got the full one. */
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #fullAtMs = Number.NEGATIVE_INFINITY;
  #fullTerm = 0;
  /** The hosts that the last full message contained. */
  #fullHosts: readonly SlotHost[] = [];
  #seq: number;
  /** Requests served and their work at the last `refreshMeanCost`, by pool. */
  #totals = new Map<number, Totals>();
  /** Class names by id, and the ids that were not sent yet. */
  readonly #classes = new Map<number, string>();
  /** Number of class ids to look at, by pool. */
  readonly #classCounts = new Map<number, number>();
  #newClasses = new Set<number>();

  /**
   * @param firstSeq sequence number of this process's first message, above 0. A restarted thread continues from the
   * shared table, since the master drops whatever is not numbered above the last message of its instance
   */
  constructor(columns: TableColumns, balancer: string, instance: string, statics: readonly StaticHost[], firstSeq: number) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#instance = instance;
    this.#statics = statics;
    this.#sentInflight = new Int32Array(columns.slots);
    this.#sentServed = new Float64Array(columns.slots);
    this.#sentOpen = new Int32Array(columns.slots);
    this.#sentLongLived = new Int32Array(columns.slots);
    this.#hostSentAtMs = new Float64Array(columns.slots).fill(Number.NaN);
    this.#sentInflightMs = new Float64Array(columns.slots);
    this.#sentEvidence = {
      work: new Float64Array(columns.slots),
      durations: new Float64Array(columns.slots),
      workSquares: new Float64Array(columns.slots),
      workByDuration: new Float64Array(columns.slots),
      durationSquares: new Float64Array(columns.slots),
    };
    this.#sentByClass = new Uint32Array(columns.slots * MAX_CLASSES);
    this.#sentBusyByClass = new Float64Array(columns.slots * MAX_CLASSES);
    this.#others = new FeedForward(columns, balancer);
    this.#seq = (columns.wideHeader[WIDE_HEADER.loadSeq] as number) || firstSeq - 1;
  }

  /** Replaces the hosts that this balancer names: the next message says so. */
  setStatics(statics: readonly StaticHost[]): void {
    this.#statics = statics;
    this.#fullTerm = Number.NaN;
  }

  /** Names a class of requests by the traffic thread's id, for the whole fleet (`classKeyOf`); null when the id is free again. */
  setClass(id: number, name: string | null): void {
    if (!(id >= 0 && id < MAX_CLASSES * MAX_POOLS)) return;
    if (name === null) {
      this.#classes.delete(id);
      this.#newClasses.delete(id);
      return;
    }
    const pool = poolOfClass(id);
    this.#classCounts.set(pool, Math.max(this.#classCounts.get(pool) ?? 0, 1 + id - firstClassOf(pool)));
    this.#classes.set(id, name);
    this.#newClasses.add(id);
  }

  /**
   * Returns the message that is due now; undefined when none is. Call it every `loadIntervalMs`. It includes all hosts
   * for a new master, and also after a loss and when the list of hosts has changed, but then at most once in two
   * `KEEP_ALIVE_MS`. The master forgets hosts that a full message leaves out.
   * @param term of the table in force
   * @param everyMs the interval between calls
   * @param isWanted whether there is something else to say: then a message is due
   */
  nextDue(hosts: readonly SlotHost[], term: number, everyMs: number, nowMs: number, isWanted = false): LoadMessage | undefined {
    this.#others.touch(nowMs, everyMs);
    const isOutdated = (this.#others.isLost(nowMs) || hosts !== this.#fullHosts) && nowMs - this.#fullAtMs >= 2 * KEEP_ALIVE_MS;
    const isFull = term !== this.#fullTerm || isOutdated;
    const message = this.#next(hosts, isFull, nowMs, isWanted || nowMs - this.#sentAtMs >= KEEP_ALIVE_MS);
    if (message === undefined) return undefined;
    this.#sentAtMs = nowMs;
    if (isFull) {
      this.#fullAtMs = nowMs;
      this.#fullTerm = term;
      this.#fullHosts = hosts;
    }
    return message;
  }

  /**
   * Handles a table that was written into the shared one.
   * @param nowMs when it arrived (process clock)
   */
  onTable(table: Pick<HostTable, 'stamp' | 'acks'>, hosts: readonly SlotHost[], nowMs: number): void {
    this.#others.onTable(table, hosts, nowMs);
  }

  /**
   * Builds the next message: all hosts when `isFull`, else those whose figures changed since the last one. Undefined
   * when nothing changed, unless `mayBeEmpty`: an empty message is a keep-alive.
   */
  #next(hosts: readonly SlotHost[], isFull: boolean, nowMs: number, mayBeEmpty: boolean): LoadMessage | undefined {
    const columns = this.#columns;
    const changed: HostLoad[] = [];
    const sent: SentLoads = { seq: this.#seq + 1, isFull, sentAtMs: nowMs, slots: [], names: [], inflight: [], work: [], longLived: [] };
    for (const { slot, name } of hosts) {
      const inflight = Math.max(0, Atomics.load(columns.awaited, slot));
      const served = columns.served[slot] as number;
      const open = Math.max(0, columns.inflight[slot] as number);
      const longLived = Math.max(0, columns.longLived[slot] as number);
      const isKnown = this.#sentNames[slot] === name;
      const isSame = isKnown && this.#sentOpen[slot] === open && this.#sentLongLived[slot] === longLived;
      // The same number in flight and none finished: the same requests, hence the same work.
      if (isSame && !isFull && this.#sentInflight[slot] === inflight && this.#sentServed[slot] === served) continue;
      const work = inflight === 0 ? 0 : hundredths(Math.max(0, columns.work[slot] as number));
      const counts = this.#counts(slot, isKnown);
      this.#sentNames[slot] = name;
      this.#sentInflight[slot] = inflight;
      this.#sentServed[slot] = served;
      this.#sentOpen[slot] = open;
      this.#sentLongLived[slot] = longLived;
      changed.push({
        host: name,
        inflight,
        open,
        longLived,
        work,
        served,
        meanInflight: this.#meanInflight(slot, isKnown, nowMs),
        evidence: this.#evidence(slot, isKnown),
        counts,
      });
      sent.slots.push(slot);
      sent.names.push(name);
      sent.inflight.push(inflight);
      sent.work.push(work);
      sent.longLived.push(longLived);
    }
    if (changed.length === 0 && !isFull && !mayBeEmpty && this.#newClasses.size === 0) return undefined;
    this.#seq = sent.seq;
    setLoadSeq(columns, sent.seq);
    this.#others.onSent(sent);
    const ids = isFull ? [...this.#classes.keys()] : [...this.#newClasses];
    const classes = ids.map((id) => [id, this.#classes.get(id) as string] as const);
    this.#newClasses = new Set();
    return {
      balancer: this.#balancer,
      instance: this.#instance,
      seq: this.#seq,
      classes,
      said: this.#reportedCosts(),
      hosts: changed,
      isFull,
      statics: isFull ? this.#statics : [],
    };
  }

  /** Sets each pool's mean cost of a request to that of those served since the last call, if any. */
  refreshMeanCost(hosts: readonly SlotHost[]): void {
    const { served, workDone, pool } = this.#columns;
    const totals = new Map<number, Totals>();
    for (const { slot } of hosts) {
      const index = pool[slot] as number;
      let ofPool = totals.get(index);
      if (ofPool === undefined) totals.set(index, (ofPool = { served: 0, work: 0 }));
      ofPool.served += served[slot] as number;
      ofPool.work += workDone[slot] as number;
    }
    const before = this.#totals;
    this.#totals = totals;
    for (const [index, { served: servedSum, work }] of totals) {
      const was = before.get(index);
      const more = servedSum - (was?.served ?? 0);
      const mean = (work - (was?.work ?? 0)) / more;
      // The totals fall when hosts leave.
      if (index !== NO_POOL && more > 0 && mean > 0) setFleetFigure(this.#columns, 'meanCost', mean, index);
    }
  }

  /** Average number in flight since the host was last sent; the current number if it never was. */
  #meanInflight(slot: number, isKnown: boolean, nowMs: number): number {
    const { awaited, startSum, elapsedSum } = this.#columns;
    const now = Math.max(0, awaited[slot] as number);
    const total = (elapsedSum[slot] as number) + now * nowMs - (startSum[slot] as number);
    const elapsedMs = nowMs - (this.#hostSentAtMs[slot] as number);
    const mean = (total - (this.#sentInflightMs[slot] as number)) / elapsedMs;
    this.#hostSentAtMs[slot] = nowMs;
    this.#sentInflightMs[slot] = total;
    return isKnown && elapsedMs > 0 && mean >= 0 ? hundredths(mean) : now;
  }

  /** What was served since the host was last sent. */
  #evidence(slot: number, isKnown: boolean): SpeedEvidence {
    const sent = this.#sentEvidence;
    const { workDone, busyMs, workSquares, workByDuration, durationSquares } = this.#columns;
    return {
      work: since(sent.work, workDone, slot, isKnown),
      durations: since(sent.durations, busyMs, slot, isKnown),
      workSquares: since(sent.workSquares, workSquares, slot, isKnown),
      workByDuration: since(sent.workByDuration, workByDuration, slot, isKnown),
      durationSquares: since(sent.durationSquares, durationSquares, slot, isKnown),
    };
  }

  /** CPU time that hosts reported for requests since the last message, by class. */
  #reportedCosts(): (readonly [id: number, count: number, cpuMs: number])[] {
    const sent: (readonly [id: number, count: number, cpuMs: number])[] = [];
    const { reportedCostCount, reportedCostMs } = this.#columns;
    for (const id of this.#classes.keys()) {
      const count = since(this.#sentCostCount, reportedCostCount, id, true);
      const cpuMs = since(this.#sentCostMs, reportedCostMs, id, true);
      if (count > 0) sent.push([id, count, cpuMs]);
    }
    return sent;
  }

  #counts(slot: number, isKnown: boolean): number[] {
    const counts: number[] = [];
    const { servedByClass, busyByClass } = this.#columns;
    const pool = this.#columns.pool[slot] as number;
    const firstCell = slot * MAX_CLASSES;
    const count = this.#classCounts.get(pool) ?? 0;
    for (let i = 0; i < count; i++) {
      const cell = firstCell + i;
      const served = servedByClass[cell] as number;
      // The counters wrap at 2^32.
      const more = isKnown ? (served - (this.#sentByClass[cell] as number)) >>> 0 : 0;
      this.#sentByClass[cell] = served;
      if (more > 0) counts.push(firstClassOf(pool) + i, more, since(this.#sentBusyByClass, busyByClass, cell, isKnown));
    }
    return counts;
  }
}

/** Growth of a total since it was last sent; 0 if it never was, as there is nothing to learn from yet. */
function since(sent: Float64Array, column: Float64Array, slot: number, isKnown: boolean): number {
  const total = column[slot] as number;
  const more = isKnown ? total - (sent[slot] as number) : 0;
  sent[slot] = total;
  return hundredths(Math.max(0, more));
}

/** Rounds to hundredths, to keep messages short. */
function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
