// What is learned of a host from its answers. Those of a host that answers too soon to be true (routing/pace.ts), and
// something else than others do (answer-sizes.ts), count as in flight, and then as having taken, what their work takes
// elsewhere: such a host gets its share, not more, whoever picks and by whatever figure.

import { MinHeap } from './min-heap.js';
import { FLEET, MAX_CLASSES } from '../model.js';
import { isLikelyBogus, LEAST_HONEST } from '../routing/pace.js';
import type { Count } from '../table/counters.js';
import type { TableColumns } from '../table/layout.js';
import { beginPhantom, endPhantom, notePace, recordServed } from '../table/own-requests.js';
import { AnswerSizes } from './answer-sizes.js';

/** More are not kept: those beyond are let go at once. */
const MAX_KEPT = 8192;

/** And none for longer, whatever its work is taken for. */
const MAX_MS = 10_000;

/** The mean duration of a class is of about so many answers, of all hosts. */
const MEMORY = 512;

/** How often is worked out what is usual. */
const TURN_MS = 1000;

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
  readonly #sizes: AnswerSizes;
  /** How long requests of each class take, on average of so many answers: of those that are like others'. */
  readonly #meanMs = new Float64Array(MAX_CLASSES);
  readonly #answered = new Uint16Array(MAX_CLASSES);
  #turnedAtMs = Number.NaN;
  readonly #heap = new MinHeap<Kept>();

  constructor(columns: TableColumns, count: Count) {
    this.#columns = columns;
    this.#count = count;
    this.#sizes = new AnswerSizes(columns);
  }

  /** A request was answered as it should be, with a body of so many bytes, and is in `served`. Times are the process's clock's. */
  record(host: KeptHost, classId: number, cost: number, bytes: number, startedAtMs: number, nowMs: number): void {
    const columns = this.#columns;
    const { fleet } = columns;
    const { slot } = host;
    const tookMs = nowMs - startedAtMs;
    this.#sizes.record(slot, classId, bytes);
    const isOdd = this.#sizes.isOdd(slot);
    if (!isOdd || !this.#sizes.areKnown) {
      const answered = Math.min((this.#answered[classId] as number) + 1, MEMORY);
      this.#answered[classId] = answered;
      this.#meanMs[classId] = (this.#meanMs[classId] as number) + (tookMs - (this.#meanMs[classId] as number)) / answered;
    }
    const meanMs = this.#meanMs[classId] as number;
    const pace = meanMs > 0 ? tookMs / meanMs : 1;
    notePace(columns, slot, isOdd ? pace : Math.max(pace, LEAST_HONEST));
    const medianMs = meanMs * (fleet[FLEET.neutralPace] as number);
    // In the first moments no host can be told from another: what a liar says then would be believed for long.
    if (Number.isNaN(medianMs)) return;
    if (tookMs < medianMs && isLikelyBogus(columns, slot) && this.#heap.size < MAX_KEPT) {
      this.#count('answers_too_quick');
      beginPhantom(columns, slot, cost, nowMs);
      this.#heap.push(startedAtMs + Math.min(medianMs, MAX_MS), { host, classId, cost, startedAtMs, keptAtMs: nowMs });
    } else {
      recordServed(columns, slot, classId, cost, tookMs);
    }
  }

  /** To be called some times a second: works out now and then what is usual. */
  turn(nowMs: number): void {
    if (nowMs - this.#turnedAtMs < TURN_MS || !((this.#columns.fleet[FLEET.neutralPace] as number) > 0)) return;
    this.#turnedAtMs = nowMs;
    const wereKnown = this.#sizes.areKnown;
    this.#sizes.turn();
    // Until now all answers counted, most of which may be of a host that does not do the work.
    if (!wereKnown && this.#sizes.areKnown) this.#answered.fill(0);
  }

  /** The id is another class's from now on. */
  forgetClass(classId: number): void {
    this.#answered[classId] = 0;
    this.#sizes.forgetClass(classId);
  }

  /** Lets those go whose time is over. */
  letGo(nowMs: number): void {
    const heap = this.#heap;
    while (heap.least <= nowMs) {
      const untilMs = heap.least;
      const { host, classId, cost, startedAtMs, keptAtMs } = heap.pop();
      if (host.isRemoved) continue;
      endPhantom(this.#columns, host.slot, cost, keptAtMs, untilMs);
      recordServed(this.#columns, host.slot, classId, cost, untilMs - startedAtMs);
    }
  }
}
