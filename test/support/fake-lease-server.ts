// What a Redis does for mastership, in memory and on any clock: SET NX PX, the term, the master's hash.
// The store made of it passes the contract of the real one (redis/lease-store.test.ts), and the
// simulation of the lease runs on it, so that what is simulated is what Redis does.

import type { MasterFields } from '../../lib/redis/lease-store.js';
import { isPlausibleTerm } from '../../lib/redis/term.js';

/** The answer to an attempt at the lease. */
export type FakeAcquired = { readonly kind: 'acquired' } | { readonly kind: 'held'; readonly leftMs: number };

/** One Redis, as far as mastership needs it. */
export class FakeLeaseServer {
  /** The text in the term key; it can be set to garbage. */
  termText: string | null = null;
  #lease: { readonly value: string; readonly endsAtMs: number } | null = null;
  #master: (MasterFields & { readonly term: number; readonly endsAtMs: number }) | null = null;
  readonly #clock: () => number;

  /** @param clock the time on this server, in milliseconds; it may jump */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** What the scripts make of the term key: what is no plausible term to someone who has seen `floor` counts as 0. */
  termFor(floor: number): number {
    const term = Number(this.termText ?? '0');
    return isPlausibleTerm(term, floor) ? term : 0;
  }

  /** The master's hash while it lasts. */
  get master(): (MasterFields & { readonly term: number }) | null {
    if (this.#master === null || this.#clock() >= this.#master.endsAtMs) return null;
    const { endsAtMs: _, ...fields } = this.#master;
    return fields;
  }

  /** Who has the lease now: the value it was taken with. */
  get holder(): string | null {
    return this.#lease !== null && this.#clock() < this.#lease.endsAtMs ? this.#lease.value : null;
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

  takeTerm(floor: number, master: MasterFields, ttlMs: number): number {
    const term = Math.max(this.termFor(floor), floor) + 1;
    this.#write(term, master, ttlMs);
    return term;
  }

  refreshMaster(term: number, master: MasterFields, ttlMs: number): 'written' | 'fenced' {
    if (this.termFor(term) > term) return 'fenced';
    this.#write(term, master, ttlMs);
    return 'written';
  }

  clearMaster(term: number): void {
    if (this.#master?.term === term) this.#master = null;
  }

  /** It was restarted without its data. */
  wipe(): void {
    this.termText = null;
    this.#lease = null;
    this.#master = null;
  }

  #write(term: number, master: MasterFields, ttlMs: number): void {
    this.termText = String(term);
    this.#master = { ...master, term, endsAtMs: this.#clock() + ttlMs };
  }
}
