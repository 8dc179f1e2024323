// What this balancer says of its own requests: makes load messages of what the traffic thread counts. What of them
// the master has taken is kept beside (feed-forward.ts).

import { type SpeedEvidence, FLEET, type HostLoad, type HostTable, type LoadMessage, MAX_CLASSES, type StaticHost } from '../model.js';
import { FeedForward, type Said } from './feed-forward.js';
import { setFleetFigure, setLoadSeq } from '../table/fleet-cells.js';
import { type TableColumns, WIDE_HEADER } from '../table/layout.js';
import type { SlotHost } from '../table/slots.js';

/** After a loss all is said anew, but not sooner again than after so many messages. */
const FULL_AGAIN_AFTER = 8;

/** A balancer that has nothing to say of its requests says that, so often: it lives, and so does the master that acknowledges it. */
const EMPTY_MS = 1000;

/** All hosts are named anew so often, or after so many messages, should one have been lost. */
const FULL_MS = 2000;
const FULL_MESSAGES = 20;

/** The weight of the newest requests in the mean cost. */
const MEAN_WEIGHT = 0.3;

type SaidEvidence = { readonly [Sum in keyof SpeedEvidence]: Float64Array };

/** What this balancer says of its requests. */
export class OwnLoads {
  readonly #columns: TableColumns;
  readonly #balancer: string;
  readonly #instance: string;
  readonly #statics: readonly StaticHost[];
  /** What was said last, by slot; the name tells whether the slot still is of the same host. */
  readonly #saidOf: string[] = [];
  readonly #saidInflight: Int32Array;
  readonly #saidServed: Float64Array;
  readonly #saidEvidence: SaidEvidence;
  readonly #saidAtMs: Float64Array;
  readonly #saidInflightMs: Float64Array;
  readonly #saidAnswers: Float64Array;
  readonly #saidPaces: Float64Array;
  readonly #saidCount = new Float64Array(MAX_CLASSES);
  readonly #saidMs = new Float64Array(MAX_CLASSES);
  readonly #saidByClass: Uint32Array;
  readonly #saidBusyByClass: Float64Array;
  readonly #others: FeedForward;
  #sinceFull = 0;
  /** When the last message was sent, and when the last full one, to the master of which term. */
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #fullAtMs = Number.NEGATIVE_INFINITY;
  #fullTerm = 0;
  #seq: number;
  #servedSum = 0;
  #workSum = 0;
  /** Names of classes by id, and those that were not said yet. */
  readonly #classes: string[] = [];
  #newClasses = new Set<number>();

  /**
   * @param firstSeq the seq of the first message of this process, above 0. A thread that is started again goes on from
   * the shared table: the master drops what is not numbered above the last message of its instance
   */
  constructor(columns: TableColumns, balancer: string, instance: string, statics: readonly StaticHost[], firstSeq: number) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#instance = instance;
    this.#statics = statics;
    this.#saidInflight = new Int32Array(columns.slots);
    this.#saidServed = new Float64Array(columns.slots);
    this.#saidAtMs = new Float64Array(columns.slots).fill(Number.NaN);
    this.#saidInflightMs = new Float64Array(columns.slots);
    this.#saidEvidence = {
      work: new Float64Array(columns.slots),
      durations: new Float64Array(columns.slots),
      workSquares: new Float64Array(columns.slots),
      workByDuration: new Float64Array(columns.slots),
      durationSquares: new Float64Array(columns.slots),
    };
    this.#saidAnswers = new Float64Array(columns.slots);
    this.#saidPaces = new Float64Array(columns.slots);
    this.#saidByClass = new Uint32Array(columns.slots * MAX_CLASSES);
    this.#saidBusyByClass = new Float64Array(columns.slots * MAX_CLASSES);
    this.#others = new FeedForward(columns, balancer);
    this.#seq = (columns.wideHeader[WIDE_HEADER.loadSeq] as number) || firstSeq - 1;
  }

  /** A class of requests has this name from now on, by the traffic thread's id; null: none has the id. */
  setClass(id: number, name: string | null): void {
    if (!(id >= 0 && id < MAX_CLASSES)) return;
    if (name === null) {
      delete this.#classes[id];
      this.#newClasses.delete(id);
      return;
    }
    this.#classes[id] = name;
    this.#newClasses.add(id);
  }

  /**
   * The message that is due now; undefined when there is none. To be called every `loadIntervalMs`. All hosts are
   * named now and then, to a new master, which knows nothing yet, and after a loss.
   * @param term of the table in force
   * @param everyMs how often this is called
   */
  nextDue(hosts: readonly SlotHost[], term: number, everyMs: number, nowMs: number): LoadMessage | undefined {
    this.#others.touch(nowMs);
    const isLost = this.#others.isLost && this.#sinceFull >= FULL_AGAIN_AFTER;
    const isFull = term !== this.#fullTerm || isLost || nowMs - this.#fullAtMs >= Math.max(FULL_MS, FULL_MESSAGES * everyMs);
    const message = this.#next(hosts, isFull, nowMs, nowMs - this.#sentAtMs >= EMPTY_MS);
    if (message === undefined) return undefined;
    this.#sentAtMs = nowMs;
    if (isFull) {
      this.#fullAtMs = nowMs;
      this.#fullTerm = term;
    }
    return message;
  }

  /**
   * A table was written into the shared one.
   * @param nowMs when it came (process's clock)
   */
  onTable(table: Pick<HostTable, 'stamp' | 'acks'>, hosts: readonly SlotHost[], nowMs: number): void {
    this.#others.onTable(table, hosts, nowMs);
  }

  /**
   * The next message: all hosts when `isFull`, else those whose figures changed since the last one.
   * Undefined when nothing did, unless `mayBeEmpty`: also an empty one says that this balancer lives.
   */
  #next(hosts: readonly SlotHost[], isFull: boolean, nowMs: number, mayBeEmpty: boolean): LoadMessage | undefined {
    const columns = this.#columns;
    const changed: HostLoad[] = [];
    const said: Said = { seq: this.#seq + 1, sentAtMs: nowMs, slots: [], names: [], inflight: [], work: [] };
    for (const { slot, name } of hosts) {
      const inflight = Math.max(0, Atomics.load(columns.inflight, slot) + (columns.phantomInflight[slot] as number));
      const served = columns.served[slot] as number;
      const isKnown = this.#saidOf[slot] === name;
      // As many in flight, and none finished: it is the same ones, and the work is the same.
      if (isKnown && !isFull && this.#saidInflight[slot] === inflight && this.#saidServed[slot] === served) continue;
      const work = inflight === 0 ? 0 : hundredths(Math.max(0, columns.work[slot] as number));
      const counts = this.#counts(slot, isKnown);
      this.#saidOf[slot] = name;
      this.#saidInflight[slot] = inflight;
      this.#saidServed[slot] = served;
      changed.push({
        host: name,
        inflight,
        work,
        served,
        meanInflight: this.#meanInflight(slot, isKnown, nowMs),
        answers: since(this.#saidAnswers, columns.answers, slot, isKnown),
        paces: since(this.#saidPaces, columns.paceSum, slot, isKnown),
        evidence: this.#evidence(slot, isKnown),
        counts,
      });
      said.slots.push(slot);
      said.names.push(name);
      said.inflight.push(inflight);
      said.work.push(work);
    }
    if (changed.length === 0 && !isFull && !mayBeEmpty && this.#newClasses.size === 0) return undefined;
    this.#seq = said.seq;
    setLoadSeq(columns, said.seq);
    if (isFull) this.#sinceFull = 0;
    else this.#sinceFull++;
    this.#others.onSent(said);
    const ids = isFull ? Object.keys(this.#classes).map(Number) : [...this.#newClasses];
    const classes = ids.map((id) => [id, this.#classes[id] as string] as const);
    this.#newClasses = new Set();
    return {
      balancer: this.#balancer,
      instance: this.#instance,
      seq: this.#seq,
      classes,
      said: this.#said(),
      hosts: changed,
      isFull,
      statics: isFull ? this.#statics : [],
    };
  }

  /** Works out what a request costs on average, from those that were served since the last call. */
  refreshMeanCost(hosts: readonly SlotHost[]): void {
    const { served, workDone, fleet } = this.#columns;
    let servedSum = 0;
    let workSum = 0;
    for (const { slot } of hosts) {
      servedSum += served[slot] as number;
      workSum += workDone[slot] as number;
    }
    const more = servedSum - this.#servedSum;
    const mean = (workSum - this.#workSum) / more;
    this.#servedSum = servedSum;
    this.#workSum = workSum;
    // Hosts that left took theirs with them.
    if (!(more > 0) || !(mean > 0)) return;
    const known = fleet[FLEET.meanCost] as number;
    setFleetFigure(this.#columns, 'meanCost', Number.isNaN(known) ? mean : known + (mean - known) * MEAN_WEIGHT);
  }

  /** Requests in flight on average since the host was named last; now, when it never was. */
  #meanInflight(slot: number, isKnown: boolean, nowMs: number): number {
    const { inflight, phantomInflight, startSum, elapsedSum } = this.#columns;
    const now = Math.max(0, (inflight[slot] as number) + (phantomInflight[slot] as number));
    const total = (elapsedSum[slot] as number) + now * nowMs - (startSum[slot] as number);
    const elapsedMs = nowMs - (this.#saidAtMs[slot] as number);
    const mean = (total - (this.#saidInflightMs[slot] as number)) / elapsedMs;
    this.#saidAtMs[slot] = nowMs;
    this.#saidInflightMs[slot] = total;
    return isKnown && elapsedMs > 0 && mean >= 0 ? hundredths(mean) : now;
  }

  /** What was served since the host was named last. */
  #evidence(slot: number, isKnown: boolean): SpeedEvidence {
    const said = this.#saidEvidence;
    const { workDone, busyMs, workSquares, workByDuration, durationSquares } = this.#columns;
    return {
      work: since(said.work, workDone, slot, isKnown),
      durations: since(said.durations, busyMs, slot, isKnown),
      workSquares: since(said.workSquares, workSquares, slot, isKnown),
      workByDuration: since(said.workByDuration, workByDuration, slot, isKnown),
      durationSquares: since(said.durationSquares, durationSquares, slot, isKnown),
    };
  }

  /** What hosts said since the message before that requests took, by class. */
  #said(): (readonly [id: number, count: number, cpuMs: number])[] {
    const said: (readonly [id: number, count: number, cpuMs: number])[] = [];
    const { saidCount, saidMs } = this.#columns;
    for (let id = 0; id < this.#classes.length; id++) {
      const count = since(this.#saidCount, saidCount, id, true);
      const cpuMs = since(this.#saidMs, saidMs, id, true);
      if (count > 0) said.push([id, count, cpuMs]);
    }
    return said;
  }

  #counts(slot: number, isKnown: boolean): number[] {
    const counts: number[] = [];
    const { servedByClass, busyByClass } = this.#columns;
    const first = slot * MAX_CLASSES;
    for (let id = 0; id < this.#classes.length; id++) {
      const served = servedByClass[first + id] as number;
      // They wrap at 2^32.
      const more = isKnown ? (served - (this.#saidByClass[first + id] as number)) >>> 0 : 0;
      this.#saidByClass[first + id] = served;
      if (more > 0) counts.push(id, more, since(this.#saidBusyByClass, busyByClass, first + id, isKnown));
    }
    return counts;
  }
}

/** How much a total grew since it was said; when it never was, nothing that could be learned from. */
function since(said: Float64Array, column: Float64Array, slot: number, isKnown: boolean): number {
  const total = column[slot] as number;
  const more = isKnown ? total - (said[slot] as number) : 0;
  said[slot] = total;
  return hundredths(Math.max(0, more));
}

/** To hundredths: more digits would only make messages longer. */
function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
