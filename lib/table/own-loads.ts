// This balancer's own requests among those of the whole fleet: makes load messages of what the traffic thread
// counts, and keeps what of them the master's table contains. Invariant: the others' part is the fleet's figure
// less exactly what of our own is in it, so that a pick, which adds our own as it is now, counts nothing twice.

import { type Evidence, FLEET, type HostLoad, type LoadMessage, MAX_CLASSES, type StaticHost } from '../model.js';
import type { TableColumns } from './layout.js';
import type { SlotHost } from './writer.js';

/** So many messages may be on their way; when more are not acknowledged, something was lost, and all is said anew. */
const MAX_UNACKED = 24;

/** And not sooner again than after so many messages. */
const FULL_AGAIN_AFTER = 8;

/** The time constant of the trend of capacities. */
const TREND_MS = 10_000;

/** The weight of the newest requests in the mean cost. */
const MEAN_WEIGHT = 0.3;

type SaidEvidence = { readonly [Sum in keyof Evidence]: Float64Array };

interface Said {
  readonly seq: number;
  readonly slots: readonly number[];
  readonly names: readonly string[];
  readonly inflight: readonly number[];
  readonly work: readonly number[];
  readonly sentAtMs: number;
}

/** What this balancer says of its requests, and what of it is known to the master. */
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
  readonly #saidByClass: Uint32Array;
  readonly #saidBusyByClass: Float64Array;
  /** What the master's table contains of ours, by slot. */
  readonly #ackedOf: string[] = [];
  readonly #ackedInflight: Int32Array;
  readonly #ackedWork: Float64Array;
  /** Messages that are not acknowledged, oldest first. */
  #unacked: Said[] = [];
  #hasAcks = false;
  #settledAtMs = Number.NaN;
  #ackedSentAtMs = Number.NaN;
  #sinceFull = 0;
  #seq: number;
  #servedSum = 0;
  #workSum = 0;
  /** Names of classes by id, and those that were not said yet. */
  readonly #classes: string[] = [];
  #newClasses = new Set<number>();

  /** @param startSeq below the seq of the first message; a later start of this balancer must begin above all of this one's: epoch milliseconds will do */
  constructor(columns: TableColumns, balancer: string, instance: string, statics: readonly StaticHost[], startSeq: number) {
    this.#columns = columns;
    this.#balancer = balancer;
    this.#instance = instance;
    this.#statics = statics;
    this.#saidInflight = new Int32Array(columns.slots);
    this.#saidServed = new Float64Array(columns.slots);
    this.#saidAtMs = new Float64Array(columns.slots).fill(Number.NaN);
    this.#saidInflightMs = new Float64Array(columns.slots);
    this.#saidEvidence = {
      work: new Float64Array(columns.slots), durations: new Float64Array(columns.slots), workSquares: new Float64Array(columns.slots),
      workByDuration: new Float64Array(columns.slots), durationSquares: new Float64Array(columns.slots),
    };
    this.#saidByClass = new Uint32Array(columns.slots * MAX_CLASSES);
    this.#saidBusyByClass = new Float64Array(columns.slots * MAX_CLASSES);
    this.#ackedInflight = new Int32Array(columns.slots);
    this.#ackedWork = new Float64Array(columns.slots);
    this.#seq = startSeq;
  }

  /** Whether so much is unacknowledged that a message was lost: the next one should be full. */
  get isLost(): boolean {
    return this.#unacked.length >= MAX_UNACKED && this.#sinceFull >= FULL_AGAIN_AFTER;
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
   * The next message: all hosts when `isFull`, else those whose figures changed since the last one.
   * Undefined when nothing did, unless `mayBeEmpty`: also an empty one says that this balancer lives.
   * @param nowMs the time on the process's clock
   */
  next(hosts: readonly SlotHost[], isFull: boolean, nowMs: number, mayBeEmpty = true): LoadMessage | undefined {
    const columns = this.#columns;
    const changed: HostLoad[] = [];
    const said: Said = { seq: this.#seq + 1, slots: [], names: [], inflight: [], work: [], sentAtMs: nowMs };
    for (const { slot, name } of hosts) {
      const inflight = Math.max(0, Atomics.load(columns.inflight, slot) + (columns.kept[slot] as number));
      const served = columns.served[slot] as number;
      const isKnown = this.#saidOf[slot] === name;
      // As many in flight, and none finished: it is the same ones, and the work is the same.
      if (isKnown && !isFull && this.#saidInflight[slot] === inflight && this.#saidServed[slot] === served) continue;
      const work = inflight === 0 ? 0 : hundredths(Math.max(0, columns.work[slot] as number));
      const counts = this.#counts(slot, isKnown);
      this.#saidOf[slot] = name;
      this.#saidInflight[slot] = inflight;
      this.#saidServed[slot] = served;
      changed.push({ host: name, inflight, work, served, meanInflight: this.#meanInflight(slot, isKnown, nowMs), evidence: this.#evidence(slot, isKnown), counts });
      (said.slots as number[]).push(slot);
      (said.names as string[]).push(name);
      (said.inflight as number[]).push(inflight);
      (said.work as number[]).push(work);
    }
    if (changed.length === 0 && !isFull && !mayBeEmpty && this.#newClasses.size === 0) return undefined;
    this.#seq = said.seq;
    if (isFull) this.#sinceFull = 0;
    else this.#sinceFull++;
    this.#unacked.push(said);
    // What is contained in a later message need not be kept: those that are let go were lost.
    if (this.#unacked.length > MAX_UNACKED) this.#unacked.shift();
    const ids = isFull ? Object.keys(this.#classes).map(Number) : [...this.#newClasses];
    const classes = ids.map((id) => [id, this.#classes[id] as string] as const);
    this.#newClasses = new Set();
    return { balancer: this.#balancer, instance: this.#instance, seq: this.#seq, classes, hosts: changed, isFull, statics: isFull ? this.#statics : [] };
  }

  /** The master's table contains our messages up to this one. */
  onAck(seq: number): void {
    this.#hasAcks = true;
    while (this.#unacked.length > 0 && (this.#unacked[0] as Said).seq <= seq) {
      const { slots, names, inflight, work, sentAtMs } = this.#unacked.shift() as Said;
      // What the others have is at least as young as what of ours came with it.
      this.#ackedSentAtMs = sentAtMs;
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i] as number;
        this.#ackedOf[slot] = names[i] as string;
        this.#ackedInflight[slot] = inflight[i] as number;
        this.#ackedWork[slot] = work[i] as number;
      }
    }
  }

  /**
   * Says that the others' figures are still true, if they are: all that this balancer said was acknowledged, so the
   * master lives, and it would have told what changed.
   */
  touch(nowMs: number): void {
    if (this.#unacked.length > 0 || !this.#hasAcks) return;
    this.#ackedSentAtMs = nowMs;
    this.#columns.fleet[FLEET.loadsAt] = nowMs;
  }

  /** A new master knows nothing of ours yet. */
  forgetAcks(): void {
    this.#unacked = [];
    this.#ackedOf.length = 0;
    this.#hasAcks = false;
  }

  /**
   * Works out what the others have in flight, from the fleet's figures as they are in the table now, and the
   * fleet's averages; to be called when a table was applied.
   * @param nowMs when the table came (process's clock)
   */
  settle(hosts: readonly SlotHost[], nowMs: number): void {
    const { fleetInflight, fleetWork, othersInflight, othersWork, capacity, capacityTrend, fleet, fleetRps } = this.#columns;
    const trendWeight = 1 - Math.exp((this.#settledAtMs - nowMs) / TREND_MS);
    this.#settledAtMs = nowMs;
    const neutral = fleet[FLEET.neutralCapacity] as number;
    const assumed = Number.isNaN(neutral) ? 1 : neutral;
    let inflightSum = 0;
    let workSum = 0;
    let capacitySum = 0;
    let rps = 0;
    for (const { slot, name } of hosts) {
      const isOurs = this.#ackedOf[slot] === name;
      const others = Math.max(0, (fleetInflight[slot] as number) - (isOurs ? (this.#ackedInflight[slot] as number) : 0));
      const work = others === 0 ? 0 : Math.max(0, (fleetWork[slot] as number) - (isOurs ? (this.#ackedWork[slot] as number) : 0));
      othersInflight[slot] = others;
      othersWork[slot] = work;
      const known = capacity[slot] as number;
      const trend = capacityTrend[slot] as number;
      // The first time there is no weight (NaN), and no trend either.
      capacityTrend[slot] = Number.isNaN(trend) || Number.isNaN(known) ? known : trend + (known - trend) * trendWeight;
      capacitySum += Number.isNaN(known) ? assumed : known;
      inflightSum += others;
      workSum += work;
      rps += fleetRps[slot] as number;
    }
    // Counted from when our own part was sent: so it contains the way there and back, and whatever it waited for.
    fleet[FLEET.loadsAt] = this.#hasAcks ? Math.min(this.#ackedSentAtMs, nowMs) : Number.NaN;
    fleet[FLEET.othersPerCapacity] = capacitySum > 0 ? inflightSum / capacitySum : 0;
    fleet[FLEET.othersWorkPerCapacity] = capacitySum > 0 ? workSum / capacitySum : 0;
    fleet[FLEET.othersRate] = rps / 1000;
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
    fleet[FLEET.meanCost] = Number.isNaN(known) ? mean : known + (mean - known) * MEAN_WEIGHT;
  }

  /** Requests in flight on average since the host was named last; now, when it never was. */
  #meanInflight(slot: number, isKnown: boolean, nowMs: number): number {
    const { inflight, startSum, elapsedSum } = this.#columns;
    const now = Math.max(0, inflight[slot] as number);
    const total = (elapsedSum[slot] as number) + now * nowMs - (startSum[slot] as number);
    const elapsedMs = nowMs - (this.#saidAtMs[slot] as number);
    const mean = (total - (this.#saidInflightMs[slot] as number)) / elapsedMs;
    this.#saidAtMs[slot] = nowMs;
    this.#saidInflightMs[slot] = total;
    return isKnown && elapsedMs > 0 && mean >= 0 ? hundredths(mean) : now;
  }

  /** What was served since the host was named last. */
  #evidence(slot: number, isKnown: boolean): Evidence {
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

  #counts(slot: number, isKnown: boolean): number[] {
    const counts: number[] = [];
    const { servedByClass, busyByClass } = this.#columns;
    const first = slot * MAX_CLASSES;
    for (let id = 0; id < this.#classes.length; id++) {
      const served = servedByClass[first + id] as number;
      // They wrap at 2^32.
      const more = isKnown ? (served - (this.#saidByClass[first + id] as number)) >>> 0 : served;
      this.#saidByClass[first + id] = served;
      if (more > 0) counts.push(id, more, since(this.#saidBusyByClass, busyByClass, first + id, isKnown));
    }
    return counts;
  }
}

/** How much a total grew since it was said; all of it when it never was. */
function since(said: Float64Array, column: Float64Array, slot: number, isKnown: boolean): number {
  const total = column[slot] as number;
  const more = isKnown ? total - (said[slot] as number) : total;
  said[slot] = total;
  return hundredths(Math.max(0, more));
}

/** To hundredths: more digits would only make messages longer. */
function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
