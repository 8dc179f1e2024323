// What a Redis does for mastership, in memory and on any clock: SET NX PX, the term, the master's hash.
// The store made of it passes the contract of the real one (redis/lease-store.test.ts), and the
// simulation of the lease runs on it, so that what is simulated is what Redis does.

import type { MasterFields, TermClaim } from '../../lib/redis/lease-store.js';
import { type HeldTerm, parseTerm } from '../../lib/redis/term.js';

/** The answer to an attempt at the lease. */
export type FakeAcquired = { readonly kind: 'acquired' } | { readonly kind: 'held'; readonly leftMs: number };

/** One Redis, as far as mastership needs it. */
export class FakeLeaseServer {
  /** The text in the term key; it can be set to garbage. */
  termText: string | null = null;
  #lease: { readonly value: string; readonly endsAtMs: number } | null = null;
  #master: (MasterFields & HeldTerm & { readonly endsAtMs: number }) | null = null;
  readonly #clock: () => number;

  /** @param clock the time on this server, in milliseconds; it may jump */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** What the scripts make of the term key: what is no plausible term to someone who has seen `floor` counts as 0. */
  termFor(floor: number): HeldTerm {
    return parseTerm(this.termText, floor);
  }

  /** The master's hash while it lasts. */
  get master(): (MasterFields & HeldTerm) | null {
    if (this.#master === null || this.#clock() >= this.#master.endsAtMs) return null;
    const { endsAtMs: _, ...fields } = this.#master;
    return fields;
  }

  /** Who has the lease now: the value it was taken with. */
  get holder(): string | null {
    return this.#lease !== null && this.#clock() < this.#lease.endsAtMs ? this.#lease.value : null;
  }

  /** How long the lease is held for; null while it is free. */
  get leftMs(): number | null {
    return this.holder === null ? null : (this.#lease?.endsAtMs ?? 0) - this.#clock();
  }

  acquire(value: string, ttlMs: number): FakeAcquired {
    if (this.holder !== null) return { kind: 'held', leftMs: (this.#lease?.endsAtMs ?? 0) - this.#clock() };
    this.#lease = { value, endsAtMs: this.#clock() + ttlMs };
    return { kind: 'acquired' };
  }

  renew(value: string, ttlMs: number): 'renewed' | 'lost' {
    if (this.holder !== value) return 'lost';
    this.#lease = { value, endsAtMs: this.#clock() + ttlMs };
    return 'renewed';
  }

  release(value: string): void {
    if (this.holder === value) this.#lease = null;
  }

  takeTerm({ mastership, floor, mayFound }: TermClaim, master: MasterFields, ttlMs: number): number | 'missing' {
    const { term } = this.termFor(floor);
    if (term === 0 && floor === 0 && !mayFound) return 'missing';
    const taken = { term: (term < floor ? floor + 1 : term) + 1, mastership };
    this.#write(taken, master, ttlMs);
    return taken.term;
  }

  refreshMaster(held: HeldTerm, master: MasterFields, ttlMs: number): 'written' | 'fenced' {
    if (this.isFenced(held)) return 'fenced';
    this.#write(held, master, ttlMs);
    return 'written';
  }

  /** Whether a master may not write any more; of two masterships in one term neither may. */
  isFenced({ term, mastership }: HeldTerm): boolean {
    const inForce = this.termFor(term);
    // A Redis that lost the term is to show it, until a heartbeat puts all back that it lost.
    if (inForce.term !== term) return true;
    if (inForce.mastership === '' || inForce.mastership === mastership) return false;
    this.termText = String(term + 1);
    return true;
  }

  clearMaster(mastership: string): void {
    if (this.#master?.mastership === mastership) this.#master = null;
  }

  raiseTerm(term: number): void {
    if (this.termFor(term).term < term) this.termText = String(term);
  }

  /** What a heartbeat does in a Redis that knows a lower term than was seen. */
  restore(floor: number): void {
    if (this.termFor(floor).term < floor) this.termText = String(floor + 1);
  }

  /** What a dump of it would hold that has no end of its own. */
  dump(): string | null {
    return this.termText;
  }

  /** It was restarted with an older dump. */
  restoreDump(termText: string | null): void {
    this.wipe();
    this.termText = termText;
  }

  /** It was restarted without its data. */
  wipe(): void {
    this.termText = null;
    this.#lease = null;
    this.#master = null;
  }

  #write({ term, mastership }: HeldTerm, master: MasterFields, ttlMs: number): void {
    this.termText = `${term} ${mastership}`;
    this.#master = { ...master, term, mastership, endsAtMs: this.#clock() + ttlMs };
  }
}
