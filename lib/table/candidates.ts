// Which hosts may be picked: builds the candidates' list and puts it in force at one stroke. Invariant: a host that
// the traffic thread does not know, or that an operator took out, is never in it. It also notes since when a host that
// comes into the list warms up.

import { HOST_STATES } from '../model.js';
import type { Count } from './counters.js';
import { putInForce, setOut, setWarmSince } from './fleet-cells.js';
import { HEADER, type TableColumns } from './layout.js';

/** What decides who is a candidate; `HealthRules` has these fields. */
export interface CandidateRules {
  /** When more than this share of the hosts is out, all are used. */
  readonly maxEjectedPercent: number;
  /** How long a host that is new or has come back warms up. 0: not at all. */
  readonly slowStartMs: number;
}

/** All are used only when all are out, and nobody warms up. */
export const PLAIN_RULES: CandidateRules = { maxEjectedPercent: 100, slowStartMs: 0 };

/** One host, as far as the list is concerned. */
export interface Candidate {
  readonly slot: number;
  /** What this balancer's own checks found, when they know better than the table; null when they do not. */
  readonly ownDown: boolean | null;
}

/** Hosts that come so soon after the start were there before it: they need not warm up. */
const SETTLED_AFTER_MS = 3000;

const STATE_DOWN = HOST_STATES.indexOf('down');

/** Builds the lists of one table. */
export class CandidateList {
  readonly #columns: TableColumns;
  readonly #count: Count;
  readonly #rules: CandidateRules;
  /** 1 for each slot of the list in force; also of the one that an earlier fleet thread built. */
  readonly #isListed: Uint8Array;
  /** The list that is being built. */
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

  /** Whether so many hosts are out that all are candidates, but those that an operator took out. */
  get isPanic(): boolean {
    return this.#columns.header[HEADER.panic] === 1;
  }

  /**
   * Builds the list anew. Left out are hosts that the traffic thread does not know yet, that are down, that this
   * balancer ejected, and that an operator took out. Panic: when more than `maxEjectedPercent` of the known hosts
   * that no operator took out are left out, or all, all of them are candidates, those that are well first: sending anyway beats refusing everything.
   * @returns when the list should next be built because an ejection ends (process's clock), or Infinity
   */
  build(hosts: Iterable<Candidate>, nowMs: number): number {
    if (Number.isNaN(this.#startedAtMs)) this.#startedAtMs = nowMs;
    const { state, ejectedUntil, operator, known } = this.#columns;
    const list = this.#list;
    let total = 0;
    let count = 0;
    let rebuildAtMs = Number.POSITIVE_INFINITY;
    // Those that are in come first and those that are out from the other end, so that one pass will do.
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
    putInForce(this.#columns, { list, well, isPanic });
    return rebuildAtMs;
  }

  /**
   * Hosts that come into the list warm up; not while the balancer itself has just started, nor when there is
   * nobody who could carry what they are spared.
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

  #inForce(): Int32Array {
    const { header, lists } = this.#columns;
    return Atomics.load(header, HEADER.activeList) === 0 ? lists[0] : lists[1];
  }

  #mark(list: Int32Array): void {
    for (let i = 1; i <= (list[0] as number); i++) this.#isListed[list[i] as number] = 1;
  }
}
