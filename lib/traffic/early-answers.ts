// What is learned of a host from its answers. Those of a host that answers too soon to be true (routing/pace.ts) count
// as in flight, and then as having taken, what their work takes elsewhere: such a host gets its share, not more,
// whoever picks and by whatever figure.

import { MinHeap } from '../min-heap.js';
import { FLEET, MAX_CLASSES } from '../model.js';
import { isTooQuick } from '../routing/pace.js';
import type { Count } from '../table/counters.js';
import type { TableColumns } from '../table/layout.js';
import { keepRequest, letGoRequest, notePace, recordServed } from '../table/own-requests.js';

/** More are not kept: those beyond are let go at once. */
const MAX_KEPT = 8192;

/** And none for longer, whatever its work is taken for. */
const MAX_MS = 10_000;

/** The mean duration of a class is of about so many answers, of all hosts. */
const MEMORY = 512;

/** How often is worked out what is usual: paces must have followed the last time by then. */
const TURN_MS = 1000;

/** After so many answers of a class what is usual for it is known; from then on it can only become less at once. */
const KNOWN = 64;

/** It becomes more so slowly (a turn): hosts that are slow today do not make one that is as ever look too quick. */
const GROWTH = 1.01;

/** A host, as far as that is concerned. */
export interface KeptHost {
  readonly slot: number;
  /** True once the host left the table. */
  readonly isRemoved: boolean;
}

interface Kept {
  readonly host: KeptHost;
  readonly classId: number;
  readonly cost: number;
  readonly startedAtMs: number;
  readonly keptAtMs: number;
}

/** Records answers, and keeps those that came too soon, by the time until which they count. */
export class EarlyAnswers {
  readonly #columns: TableColumns;
  readonly #count: Count;
  /** How long requests of each class take, on average of so many answers. */
  readonly #meanMs = new Float64Array(MAX_CLASSES);
  readonly #answered = new Uint16Array(MAX_CLASSES);
  /** How long they take on the median host when that is well; 0 while not known. */
  readonly #usualMs = new Float64Array(MAX_CLASSES);
  #turnedAtMs = Number.NaN;
  readonly #heap = new MinHeap<Kept>();

  constructor(columns: TableColumns, count: Count) {
    this.#columns = columns;
    this.#count = count;
  }

  /** A request was answered as it should be, and is in `served`. Times are the process's clock's. */
  record(host: KeptHost, classId: number, cost: number, startedAtMs: number, nowMs: number): void {
    const columns = this.#columns;
    const { fleet } = columns;
    const { slot } = host;
    const tookMs = nowMs - startedAtMs;
    const answered = Math.min((this.#answered[classId] as number) + 1, MEMORY);
    this.#answered[classId] = answered;
    const meanMs = (this.#meanMs[classId] as number) + (tookMs - (this.#meanMs[classId] as number)) / answered;
    this.#meanMs[classId] = meanMs;
    const usualMs = (this.#usualMs[classId] as number) || meanMs;
    notePace(columns, slot, usualMs > 0 ? tookMs / usualMs : 1);
    const medianMs = usualMs * (fleet[FLEET.neutralPace] as number);
    // In the first moments no host can be told from another: what a liar says then would be believed for long.
    if (Number.isNaN(medianMs)) return;
    if (tookMs < medianMs && isTooQuick(columns, slot) && this.#heap.size < MAX_KEPT) {
      this.#count('answers_too_quick');
      keepRequest(columns, slot, cost, nowMs);
      this.#heap.push(startedAtMs + Math.min(medianMs, MAX_MS), { host, classId, cost, startedAtMs, keptAtMs: nowMs });
    } else {
      recordServed(columns, slot, classId, cost, tookMs);
    }
  }

  /** To be called some times a second: works out now and then what is usual. */
  turn(nowMs: number): void {
    if (nowMs - this.#turnedAtMs < TURN_MS) return;
    this.#turnedAtMs = nowMs;
    const { fleet } = this.#columns;
    const neutralPace = fleet[FLEET.neutralPace] as number;
    if (!(neutralPace > 0)) return;
    const usual = this.#usualMs;
    // All answers are slower than on the median host by this, or quicker, since most may be of a few hosts.
    let [paces, answers] = [0, 0];
    for (let id = 0; id < MAX_CLASSES; id++) {
      const answered = this.#answered[id] as number;
      const pace = (this.#meanMs[id] as number) / (usual[id] as number);
      if (answered === 0 || !(pace >= 0)) continue;
      paces += answered * (Number.isFinite(pace) ? pace : 1);
      answers += answered;
    }
    const medianOverMean = neutralPace / (paces > 0 ? paces / answers : 1);
    const growth = (fleet[FLEET.leastPace] as number) > 1 ? GROWTH : 1;
    for (let id = 0; id < MAX_CLASSES; id++) {
      const answered = this.#answered[id] as number;
      if (answered === 0) continue;
      const nowUsualMs = (this.#meanMs[id] as number) * medianOverMean;
      const known = usual[id] as number;
      usual[id] = answered < KNOWN || known === 0 ? nowUsualMs : Math.min(nowUsualMs, known * growth);
    }
  }

  /** The id is another class's from now on. */
  forgetClass(classId: number): void {
    this.#answered[classId] = this.#usualMs[classId] = 0;
  }

  /** Lets those go whose time is over. */
  letGo(nowMs: number): void {
    const heap = this.#heap;
    while (heap.least <= nowMs) {
      const untilMs = heap.least;
      const { host, classId, cost, startedAtMs, keptAtMs } = heap.pop();
      if (host.isRemoved) continue;
      letGoRequest(this.#columns, host.slot, cost, keptAtMs, untilMs);
      recordServed(this.#columns, host.slot, classId, cost, untilMs - startedAtMs);
    }
  }
}
