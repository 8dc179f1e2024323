// The pools as the master shows them to people: summed up over their hosts, written when they changed, and removed when the
// site has them no more. Has no clock and does no I/O.

import { groupedBy } from '../grouped-by.js';
import { poolOf } from '../host-id.js';
import type { HostRow, PoolRow } from '../model.js';
import { DEFAULT_POOL, type Site } from '../site-model.js';
import { StoredHashes } from './stored-hashes.js';

/** What a flush stores of pools. */
export interface PoolWrites {
  readonly pools: readonly PoolRow[];
  readonly gonePools: readonly string[];
}

/** The pools of one mastership. */
export class StoredPools {
  readonly #rows = new Map<string, PoolRow>();
  readonly #stored = new StoredHashes();
  readonly #gone = new Set<string>();
  #before: readonly string[] = [];

  /** Takes the names of the pools that an earlier master stored. */
  found(names: readonly string[]): void {
    this.#before = names;
  }

  /** Takes the pools as they are now; call once a second. */
  tick(rows: readonly PoolRow[], nowMs: number): void {
    this.#stored.tick(nowMs);
    const names = new Set(rows.map(({ name }) => name));
    for (const name of [...this.#before, ...this.#rows.keys()]) {
      if (names.has(name)) continue;
      this.#rows.delete(name);
      this.#stored.left(name);
      this.#gone.add(name);
    }
    this.#before = [];
    for (const row of rows) {
      this.#gone.delete(row.name);
      const known = this.#rows.get(row.name);
      this.#rows.set(row.name, row);
      if (JSON.stringify(known) !== JSON.stringify(row)) this.#stored.changed(row.name);
    }
  }

  /** Whether anything is due. */
  isAnyDue(nowMs: number): boolean {
    return this.#gone.size > 0 || this.#stored.isAnyDue(nowMs);
  }

  /** Returns what is due, up to `max` of each. It counts as stored; if that fails, call `failed`. */
  take(max: number, nowMs: number): PoolWrites {
    const gonePools = [...this.#gone].slice(0, max);
    for (const name of gonePools) this.#gone.delete(name);
    return { pools: this.#stored.take(max, new Set(), nowMs).flatMap((name) => this.#rows.get(name) ?? []), gonePools };
  }

  /** What was taken is not stored. */
  failed({ pools, gonePools }: PoolWrites): void {
    for (const { name } of pools) if (this.#rows.has(name)) this.#stored.changed(name);
    for (const name of gonePools) if (!this.#rows.has(name)) this.#gone.add(name);
  }
}

/** The pools of the site, as people see them; `default`, which every site has, only if it has hosts. */
export function poolRowsOf(hosts: readonly HostRow[], site: Site | null): PoolRow[] {
  const byPool = groupedBy(hosts, ({ name }) => poolOf(name));
  const pools = new Map(site?.pools.map((pool) => [pool.name, pool.algorithm]) ?? [[DEFAULT_POOL, null]]);
  return [...pools].flatMap(([name, algorithm]): PoolRow[] => {
    const those = byPool.get(name) ?? [];
    if (name === DEFAULT_POOL && those.length === 0) return [];
    return [
      {
        name,
        hosts: those.length,
        up: those.filter(({ state }) => state === 'up').length,
        rps: those.reduce((sum, { fleetRps }) => sum + fleetRps, 0),
        inflight: those.reduce((sum, { open }) => sum + open, 0),
        algorithm,
      },
    ];
  });
}
