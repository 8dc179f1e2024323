// Learns from a host's responses. Responses of a host that answers implausibly fast (routing/pace.ts) and with odd
// contents (answer-sizes.ts) count as in flight until their work would have been done elsewhere, and as having taken
// that long: by any policy's figures, such a host gets its share and no more.

import { MinHeap } from './min-heap.js';
import { FLEET, MAX_CLASSES } from '../model.js';
import { isLikelyBogus, MIN_UNSUSPECTED_PACE } from '../routing/pace.js';
import type { Count } from '../table/counters.js';
import type { TableColumns } from '../table/layout.js';
import { beginPhantom, endPhantom, notePace, recordServed } from '../table/own-requests.js';
import { AnswerSizes } from './answer-sizes.js';

/** Maximum requests kept in flight; further ones are released at once. */
const MAX_KEPT = 8192;

/** Maximum time one is kept, whatever its expected work. */
const MAX_MS = 10_000;

/** The mean duration of a class averages about this many responses, over all hosts. */
const MEMORY = 512;

/** Interval at which the usual sizes are updated. */
const TURN_MS = 1000;

/** A host, as far as needed here. */
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

/** Records responses, and keeps the implausibly fast ones in a heap by the time until which they count. */
export class EarlyAnswers {
  readonly #columns: TableColumns;
  readonly #count: Count;
  readonly #sizes: AnswerSizes;
  /** Mean duration of each class over the responses that are not odd, and their number. */
  readonly #meanMs = new Float64Array(MAX_CLASSES);
  readonly #answered = new Uint16Array(MAX_CLASSES);
  #turnedAtMs = Number.NaN;
  readonly #heap = new MinHeap<Kept>();

  constructor(columns: TableColumns, count: Count) {
    this.#columns = columns;
    this.#count = count;
    this.#sizes = new AnswerSizes(columns);
  }

  /** Records a successful request, with its body size; it is in `served` already. Times are on the process clock. */
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
    notePace(columns, slot, isOdd ? pace : Math.max(pace, MIN_UNSUSPECTED_PACE));
    const medianMs = meanMs * (fleet[FLEET.neutralPace] as number);
    // In the first moments hosts can't be compared; what a bogus one shows then would be believed for long.
    if (Number.isNaN(medianMs)) return;
    if (tookMs < medianMs && isLikelyBogus(columns, slot) && this.#heap.size < MAX_KEPT) {
      this.#count('answers_too_quick');
      beginPhantom(columns, slot, cost, nowMs);
      this.#heap.push(startedAtMs + Math.min(medianMs, MAX_MS), { host, classId, cost, startedAtMs, keptAtMs: nowMs });
    } else {
      recordServed(columns, slot, classId, cost, tookMs);
    }
  }

  /** Call a few times a second; updates the usual sizes once per `TURN_MS`. */
  turn(nowMs: number): void {
    if (nowMs - this.#turnedAtMs < TURN_MS || !((this.#columns.fleet[FLEET.neutralPace] as number) > 0)) return;
    this.#turnedAtMs = nowMs;
    const wereKnown = this.#sizes.areKnown;
    this.#sizes.turn();
    // Until now all responses counted, and most may be from a host that does not do the work.
    if (!wereKnown && this.#sizes.areKnown) this.#answered.fill(0);
  }

  /** The id belongs to another class from now on. */
  forgetClass(classId: number): void {
    this.#answered[classId] = 0;
    this.#sizes.forgetClass(classId);
  }

  /** Releases the requests whose time is over. */
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
