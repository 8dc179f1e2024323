// The indexes of pools in one balancer's table. Index 0 is `default`, always. The index of a pool that was dropped goes to
// the next new one: drop a pool only when the traffic thread no longer uses it.

import { MAX_POOLS } from '../model.js';
import { DEFAULT_POOL } from '../site-model.js';
import { NO_POOL } from './layout.js';

/** A pool and its index, as other threads need them. */
export type NamedPool = readonly [name: string, index: number];

/** Assigns indexes to the names of pools. */
export class PoolIndexes {
  readonly #named = new Map<string, number>([[DEFAULT_POOL, 0]]);

  /** @param known the pools of an earlier fleet thread */
  constructor(known: readonly NamedPool[] = []) {
    for (const [name, index] of known) this.#named.set(name, index);
  }

  /** The index of a pool; `NO_POOL` for an unknown one. */
  of(name: string): number {
    return this.#named.get(name) ?? NO_POOL;
  }

  /** All pools, in order of arrival; `default` is the first. */
  get all(): readonly NamedPool[] {
    return [...this.#named];
  }

  /** Adds pools; those that are known keep their index. Returns the new ones; one beyond `MAX_POOLS` gets no index. */
  add(names: readonly string[]): readonly NamedPool[] {
    const used = new Set(this.#named.values());
    const added: NamedPool[] = [];
    let next = 0;
    for (const name of names) {
      if (this.#named.has(name)) continue;
      while (used.has(next)) next++;
      if (next >= MAX_POOLS) break;
      used.add(next);
      this.#named.set(name, next);
      added.push([name, next]);
    }
    return added;
  }

  /** Drops pools; `default` stays. */
  drop(names: readonly string[]): void {
    for (const name of names) if (name !== DEFAULT_POOL) this.#named.delete(name);
  }
}
