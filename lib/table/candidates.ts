// Builds the candidate lists, one for each pool: the hosts that may be picked. Publishes them atomically. Invariant: a
// host that the traffic thread does not know, or that an operator took out, is in none. Also records when a host that
// enters a list began to warm up.

import { HOST_STATES } from '../model.js';
import type { Count } from './counters.js';
import { type Candidates, putInForce, setOut, setWarmSince } from './fleet-cells.js';
import { HEADER, NO_POOL, POOL_HEADER, POOL_HEADER_CELLS, type TableColumns } from './layout.js';

/** The rules for candidates; a subset of `HealthRules`. */
export interface CandidateRules {
  /** When more than this percentage of a pool's hosts is out, all are used. */
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

/** One pool's hosts while its list is built: those that are in, then those that are out. */
interface PoolHosts {
  readonly pool: number;
  readonly well: number[];
  readonly out: number[];
}

/** Builds the candidate lists of one table. */
export class CandidateLists {
  readonly #columns: TableColumns;
  readonly #count: Count;
  readonly #rules: CandidateRules;
  /** 1 for each slot of the lists in force, even if an earlier fleet thread built them. */
  readonly #isListed: Uint8Array;
  #startedAtMs = Number.NaN;

  /** @param pools the pools of which there are lists in force already */
  constructor(columns: TableColumns, count: Count, rules: CandidateRules, pools: readonly number[]) {
    this.#columns = columns;
    this.#count = count;
    this.#rules = rules;
    this.#isListed = new Uint8Array(columns.slots);
    for (const pool of pools) this.#mark(this.#inForce(pool));
  }

  /** The pools in panic mode: too many of their hosts are out, so all are candidates except those an operator took out. */
  panics(pools: readonly number[]): number[] {
    return pools.filter((pool) => this.#isPanic(pool));
  }

  /**
   * Rebuilds the lists of these pools. They leave out hosts that the traffic thread does not know yet, that are down, that
   * this balancer ejected, and that an operator took out. Panic mode: if more than `maxEjectedPercent` of a pool's known
   * hosts that no operator took out would be left out, or all of them, they all become candidates, healthy ones first:
   * trying a bad host beats refusing every request.
   * @returns when to rebuild because an ejection ends (process clock), or Infinity
   */
  build(pools: readonly number[], hosts: Iterable<Candidate>, nowMs: number): number {
    if (Number.isNaN(this.#startedAtMs)) this.#startedAtMs = nowMs;
    const { state, ejectedUntil, operator, known, pool: poolOf } = this.#columns;
    const byPool = new Map<number, PoolHosts>(pools.map((pool) => [pool, { pool, well: [], out: [] }]));
    let rebuildAtMs = Number.POSITIVE_INFINITY;
    for (const { slot, ownDown } of hosts) {
      if (known[slot] === 0 || operator[slot] !== 0 || poolOf[slot] === NO_POOL) continue;
      const ofPool = byPool.get(poolOf[slot] as number);
      if (ofPool === undefined) continue;
      const ejectedUntilMs = ejectedUntil[slot] as number;
      const isEjected = ejectedUntilMs > nowMs;
      if (isEjected) rebuildAtMs = Math.min(rebuildAtMs, ejectedUntilMs);
      const isOut = isEjected || (ownDown ?? state[slot] === STATE_DOWN);
      setOut(this.#columns, slot, isOut);
      (isOut ? ofPool.out : ofPool.well).push(slot);
    }
    const lists = Array.from(byPool.values(), (ofPool) => this.#listOf(ofPool));
    for (const list of lists) this.#warmUp(list, nowMs);
    this.#isListed.fill(0);
    for (const { list } of lists) this.#mark(list);
    putInForce(this.#columns, lists);
    return rebuildAtMs;
  }

  #listOf({ pool, well, out }: PoolHosts): Candidates {
    const total = well.length + out.length;
    const isPanic = out.length > 0 && (well.length === 0 || out.length * 100 > this.#rules.maxEjectedPercent * total);
    if (isPanic && !this.#isPanic(pool)) this.#count('panics');
    const slots = isPanic ? [...well, ...out] : well;
    return { pool, list: Int32Array.from([slots.length, ...slots]), well: well.length, isPanic, isWeighted: this.#isWeighted(slots) };
  }

  /**
   * Starts the warm-up of hosts that enter a list; not right after the balancer's own start, nor when no other host
   * could take the traffic they are spared.
   */
  #warmUp({ pool, list, isPanic }: Candidates, nowMs: number): void {
    if (this.#rules.slowStartMs === 0 || nowMs - this.#startedAtMs < SETTLED_AFTER_MS) return;
    if (this.#inForce(pool)[0] === 0 || isPanic || this.#isPanic(pool)) return;
    for (let i = 1; i <= (list[0] as number); i++) {
      const slot = list[i] as number;
      if (this.#isListed[slot] === 0) setWarmSince(this.#columns, slot, nowMs);
    }
  }

  /** Whether the weights of the listed hosts differ. */
  #isWeighted(slots: readonly number[]): boolean {
    const { weight } = this.#columns;
    return slots.some((slot) => weight[slot] !== weight[slots[0] as number]);
  }

  #isPanic(pool: number): boolean {
    return this.#columns.poolHeader[pool * POOL_HEADER_CELLS + POOL_HEADER.panic] === 1;
  }

  #inForce(pool: number): Int32Array {
    const { header, poolHeader, lists } = this.#columns;
    const active = Atomics.load(header, HEADER.activeList) as 0 | 1;
    return lists[active].subarray(poolHeader[pool * POOL_HEADER_CELLS + POOL_HEADER.start0 + active] as number);
  }

  #mark(list: Int32Array): void {
    for (let i = 1; i <= (list[0] as number); i++) this.#isListed[list[i] as number] = 1;
  }
}
