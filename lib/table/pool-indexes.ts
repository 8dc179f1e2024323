// The indexes of pools in one balancer's table. Index 0 is `default`, always. Invariant: the index of a pool that is gone
// goes to another one only after `releaseGone`, when the traffic thread no longer routes to the old one.

import { MAX_POOLS } from '../model.js';
import { DEFAULT_POOL } from '../site-model.js';
import { NO_POOL } from './layout.js';

/** A pool and its index, as other threads need them. */
export type NamedPool = readonly [name: string, index: number];

/** Assigns indexes to the names of pools. */
export class PoolIndexes {
  #named = new Map<string, number>([[DEFAULT_POOL, 0]]);
  /** Pools that the site no longer has, and whose index is not free yet. */
  readonly #gone = new Map<string, number>();

  /** @param known the pools of an earlier fleet thread */
  constructor(known: readonly NamedPool[] = []) {
    for (const [name, index] of known) this.#named.set(name, index);
  }

  /** The index of a pool; `NO_POOL` for one that the site does not have. */
  of(name: string): number {
    return this.#named.get(name) ?? NO_POOL;
  }

  /** All pools of the site, `default` first. */
  get all(): readonly NamedPool[] {
    return [...this.#named];
  }

  /** Replaces the pools, at most `MAX_POOLS` including `default`; those that stay keep their index. Returns the new ones. */
  replace(names: readonly string[]): readonly NamedPool[] {
    const wanted = new Set([DEFAULT_POOL, ...names]);
    for (const [name, index] of this.#named) if (!wanted.has(name)) this.#gone.set(name, index);
    const before = this.#named;
    const used = new Set([...before.values(), ...this.#gone.values()]);
    const added: NamedPool[] = [];
    this.#named = new Map();
    for (const name of wanted) {
      const known = before.get(name);
      if (known !== undefined) this.#named.set(name, known);
    }
    let next = 0;
    for (const name of wanted) {
      if (this.#named.has(name)) continue;
      while (used.has(next)) next++;
      // Too many that are gone and not released: the pool waits for the next call.
      if (next >= MAX_POOLS) break;
      used.add(next);
      this.#named.set(name, next);
      added.push([name, next]);
    }
    return added;
  }

  /** Frees the indexes of pools that are gone: the traffic thread has taken the pools of the last `replace`. */
  releaseGone(): void {
    this.#gone.clear();
  }
}
