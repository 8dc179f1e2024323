// Builds the candidate list, the hosts that may be picked, and publishes it atomically. Invariant: a host that the
// traffic thread does not know, or that an operator took out, is never in it. Also records when a host that enters the
// list began to warm up.

import { HOST_STATES } from '../model.js';
import type { Count } from './counters.js';
import { putInForce, setOut, setWarmSince } from './fleet-cells.js';
import { HEADER, type TableColumns } from './layout.js';

/** The rules for candidates; a subset of `HealthRules`. */
export interface CandidateRules {
  /** When more than this percentage of the hosts is out, all are used. */
  readonly maxEjectedPercent: number;
  /** Slow-start period of a host that is new or has come back; 0 disables it. */
  readonly slowStartMs: number;
}

/** All hosts are used only when all are out, and there is no slow start. */
export const PLAIN_RULES: CandidateRules = { maxEjectedPercent: 100, slowStartMs: 0 };

/** One host, as the list needs it. */
export interface Candidate {
  readonly slot: number;
  /** The result of this balancer's own checks, which overrides the table; null without one. */
  readonly ownDown: boolean | null;
}

/** A host that appears this soon after the start existed before it, and needs no warm-up. */
const SETTLED_AFTER_MS = 3000;

const STATE_DOWN = HOST_STATES.indexOf('down');

/** Builds the candidate lists of one table. */
export class CandidateList {
  readonly #columns: TableColumns;
  readonly #count: Count;
  readonly #rules: CandidateRules;
  /** 1 for each slot of the list in force, even if an earlier fleet thread built it. */
  readonly #isListed: Uint8Array;
  /** The list under construction. */
  readonly #list: Int32Array;
  #startedAtMs = Number.NaN;

  constructor(columns: TableColumns, count: Count, rules: CandidateRules) {
    this.#columns = columns;
    this.#count = count;
    this.#rules = rules;
    this.#isListed = new Uint8Array(columns.slots);
    this.#list = new Int32Array(columns.slots + 1);
    this.#mark(this.#inForce());
  }

  /** Whether panic mode is on: too many hosts are out, so all are candidates except those an operator took out. */
  get isPanic(): boolean {
    return this.#columns.header[HEADER.panic] === 1;
  }

  /**
   * Rebuilds the list. It leaves out hosts that the traffic thread does not know yet, that are down, that this balancer
   * ejected, and that an operator took out. Panic mode: if more than `maxEjectedPercent` of the known hosts that no
   * operator took out would be left out, or all of them, they all become candidates, healthy ones first: trying a bad
   * host beats refusing every request.
   * @returns when to rebuild because an ejection ends (process clock), or Infinity
   */
  build(hosts: Iterable<Candidate>, nowMs: number): number {
    if (Number.isNaN(this.#startedAtMs)) this.#startedAtMs = nowMs;
    const { state, ejectedUntil, operator, known } = this.#columns;
    const list = this.#list;
    let total = 0;
    let count = 0;
    let rebuildAtMs = Number.POSITIVE_INFINITY;
    // One pass: hosts in fill the list from the front, hosts out from the back.
    let end = list.length;
    for (const { slot, ownDown } of hosts) {
      if (known[slot] === 0 || operator[slot] !== 0) continue;
      total++;
      const ejectedUntilMs = ejectedUntil[slot] as number;
      const isEjected = ejectedUntilMs > nowMs;
      if (isEjected) rebuildAtMs = Math.min(rebuildAtMs, ejectedUntilMs);
      const isOut = isEjected || (ownDown ?? state[slot] === STATE_DOWN);
      setOut(this.#columns, slot, isOut);
      if (isOut) list[--end] = slot;
      else list[++count] = slot;
    }
    const isPanic = count < total && (count === 0 || (total - count) * 100 > this.#rules.maxEjectedPercent * total);
    const well = count;
    if (isPanic) {
      list.copyWithin(count + 1, end);
      count = total;
    }
    list[0] = count;
    this.#warmUp(isPanic, nowMs);
    this.#isListed.fill(0);
    this.#mark(list);
    if (isPanic && !this.isPanic) this.#count('panics');
    putInForce(this.#columns, { list, well, isPanic, isWeighted: this.#isWeighted() });
    return rebuildAtMs;
  }

  /**
   * Starts the warm-up of hosts that enter the list; not right after the balancer's own start, nor when no other host
   * could take the traffic they are spared.
   */
  #warmUp(isPanic: boolean, nowMs: number): void {
    if (this.#rules.slowStartMs === 0 || nowMs - this.#startedAtMs < SETTLED_AFTER_MS) return;
    if (this.#inForce()[0] === 0 || isPanic || this.isPanic) return;
    const list = this.#list;
    for (let i = 1; i <= (list[0] as number); i++) {
      const slot = list[i] as number;
      if (this.#isListed[slot] === 0) setWarmSince(this.#columns, slot, nowMs);
    }
  }

  /** Whether the weights of the listed hosts differ. */
  #isWeighted(): boolean {
    const { weight } = this.#columns;
    const list = this.#list;
    const first = weight[list[1] as number];
    for (let i = 2; i <= (list[0] as number); i++) if (weight[list[i] as number] !== first) return true;
    return false;
  }

  #inForce(): Int32Array {
    const { header, lists } = this.#columns;
    return Atomics.load(header, HEADER.activeList) === 0 ? lists[0] : lists[1];
  }

  #mark(list: Int32Array): void {
    for (let i = 1; i <= (list[0] as number); i++) this.#isListed[list[i] as number] = 1;
  }
}
