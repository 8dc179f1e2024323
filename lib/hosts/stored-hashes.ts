// Decides which hashes of hosts or pools are written: those that changed, but not too often, since people read them and with many
// hosts they are most of the master's work; and all of them periodically, before they expire. Has no clock and does no
// I/O.

import { SECOND } from '../clock.js';

/** Interval at which due hashes are stored. They are batched because each write costs more than its contents. */
export const STORE_EVERY_MS = 500;

/** Interval at which the whole table is stored. */
export const SNAPSHOT_EVERY_MS = SECOND;

/** Minimum interval between two writes of a changed hash, and the interval at which an unchanged one is refreshed. */
const MIN_WAIT_MS = 900;
const MAX_WAIT_MS = 4000;
const WAIT_MS_PER_HOST = 3;

/** The stored hosts. */
export class StoredHashes {
  readonly #storedAtMs = new Map<string, number>();
  /** Hosts whose stored hash is stale, oldest first. */
  readonly #old = new Set<string>();

  /** A host changed, or may have. */
  changed(name: string): void {
    this.#old.add(name);
  }

  /** A host left; its hash is deleted elsewhere. */
  left(name: string): void {
    this.#old.delete(name);
    this.#storedAtMs.delete(name);
  }

  /** Whether any host is due. */
  isAnyDue(nowMs: number): boolean {
    for (const name of this.#old) if (this.#isDue(name, nowMs)) return true;
    return false;
  }

  /**
   * Returns up to `max` due hosts, oldest first. They count as stored; if that fails, call `changed` again.
   * @param news hosts that are stored at once
   */
  take(max: number, news: ReadonlySet<string>, nowMs: number): string[] {
    const taken: string[] = [];
    for (const name of this.#old) {
      if (taken.length >= max) break;
      if (news.has(name) || this.#isDue(name, nowMs)) taken.push(name);
    }
    for (const name of taken) {
      this.#old.delete(name);
      this.#storedAtMs.set(name, nowMs);
    }
    return taken;
  }

  /** Refreshes the hashes of unchanged hosts before they expire; call once a second. */
  tick(nowMs: number): void {
    for (const [name, atMs] of this.#storedAtMs) if (nowMs - atMs >= MAX_WAIT_MS) this.#old.add(name);
  }

  /** A host that was never stored is due at once. */
  #isDue(name: string, nowMs: number): boolean {
    const waitMs = Math.min(Math.max(WAIT_MS_PER_HOST * this.#storedAtMs.size, MIN_WAIT_MS), MAX_WAIT_MS);
    return !(nowMs - (this.#storedAtMs.get(name) ?? Number.NaN) < waitMs);
  }
}
