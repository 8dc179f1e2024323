// What requests cost, by pool: each pool has a cost model of its own, so that services with different requests don't mix.
// Pools that share a machine share a model, since the CPU of a machine is explained only by the requests of all of its
// pools. A fit takes up to 0.1 s, so at most one model is fitted at a time. Does no I/O and has no clock.

import { groupedBy } from '../grouped-by.js';
import { poolOf, poolOfClassKey } from '../host-id.js';
import type { CostEstimate, FinishedRequests } from '../learning/cost-model.js';
import { HALF_LIFE_MS, type WorkReport } from '../learning/work-windows.js';
import type { Costs } from '../model.js';
import { DEFAULT_POOL } from '../site-model.js';
import { type CostChange, type CostChanges, FleetCosts } from './fleet-costs.js';

/** How long the costs of a pool outlive its last host: as long as the evidence of a silent host. */
const KEPT_MS = 2 * HALF_LIFE_MS;

/** The costs of all pools during one mastership. */
export class PoolCosts {
  /** By pool; pools that share a machine have the same. */
  readonly #costs = new Map([[DEFAULT_POOL, new FleetCosts()]]);
  /** When each pool last had hosts; at first, when it was first heard of. */
  readonly #usedAtMs = new Map<string, number>();
  /** The groups, as text. */
  #grouping = '';
  #isChanged = false;

  /** Takes over an earlier master's costs. */
  seed(costs: Costs): void {
    for (const [pool, those] of groupedBy(costs, ([key]) => poolOfClassKey(key))) {
      const known = this.#costs.get(pool) ?? new FleetCosts();
      known.seed(those);
      this.#costs.set(pool, known);
    }
  }

  /** Records requests of a class that finished on a machine, of a host in this pool; see `CostModel.finished`. */
  finished(pool: string, machine: string, key: string, requests: FinishedRequests, atMs: number, spanMs: number): void {
    // Anything else would be published among another pool's.
    if (poolOfClassKey(key) === pool) this.#costs.get(pool)?.model.finished(machine, key, requests, atMs, spanMs);
  }

  /** Records the CPU time that hosts reported; see `CostModel.reported`. */
  reported(key: string, count: number, cpuMs: number): void {
    this.#costs.get(poolOfClassKey(key))?.model.reported(key, count, cpuMs);
  }

  /** Records the report of a machine that serves in this pool, perhaps among others; see `CostModel.observe`. */
  observe(pool: string, machine: string, report: WorkReport, atMs: number, windowMs: number): void {
    this.#costs.get(pool)?.model.observe(machine, report, atMs, windowMs);
  }

  /**
   * Takes the pools of the hosts there are, and groups those that share machines; call before `tick`. When groups change, a
   * model goes on in one of them, and the others start with the published costs.
   * @param hosts all hosts by id, with the URLs of their machines
   */
  group(hosts: Iterable<{ readonly name: string; readonly url: string }>, nowMs: number): void {
    const groups = groupsOf(hosts);
    for (const pool of groups.flat()) this.#usedAtMs.set(pool, nowMs);
    for (const pool of this.#costs.keys()) {
      const usedAtMs = this.#usedAtMs.get(pool) ?? nowMs;
      this.#usedAtMs.set(pool, usedAtMs);
      if (nowMs - usedAtMs < KEPT_MS || pool === DEFAULT_POOL) continue;
      this.#costs.delete(pool);
      this.#usedAtMs.delete(pool);
      this.#isChanged = true;
    }
    const grouping = JSON.stringify(groups.map((pools) => pools.toSorted()).toSorted());
    if (grouping === this.#grouping) return;
    this.#grouping = grouping;
    const published = this.published;
    const taken = new Set<FleetCosts>();
    for (const pools of groups) {
      const known = pools.flatMap((pool) => this.#costs.get(pool) ?? []).filter((costs) => !taken.has(costs));
      const costs = known.toSorted((one, other) => other.model.records - one.model.records)[0] ?? new FleetCosts();
      taken.add(costs);
      costs.seed(published.filter(([key]) => pools.includes(poolOfClassKey(key))));
      for (const pool of pools) this.#costs.set(pool, costs);
    }
  }

  /** Updates the costs, once a second. Returns how they changed. */
  tick(nowMs: number): CostChanges {
    const all = [...new Set(this.#costs.values())];
    let next: FleetCosts | undefined;
    let longestMs = 0;
    for (const costs of all) {
      const waitedMs = costs.model.waitedMs(nowMs);
      if (waitedMs > longestMs) [next, longestMs] = [costs, waitedMs];
    }
    const changes = new Map<string, CostChange>();
    for (const costs of all)
      for (const [pool, change] of costs.tick(nowMs, costs === next)) if (this.#costs.get(pool) === costs) changes.set(pool, change);
    return changes;
  }

  /** The published costs of all pools, or those about to be. */
  get published(): Costs {
    return this.#each(
      (costs) => costs.published,
      ([key]) => key,
    );
  }

  /** Whether costs must be published again. */
  get isChanged(): boolean {
    return this.#isChanged || [...this.#costs.values()].some(({ isChanged }) => isChanged);
  }

  /** Returns the costs to publish; null when they did not change since the last call. */
  takeChange(): Costs | null {
    if (!this.isChanged) return null;
    this.#isChanged = false;
    for (const costs of this.#costs.values()) costs.takeChange();
    return this.published;
  }

  /** The estimates of all pools, by total work, largest first. */
  estimates(): readonly CostEstimate[] {
    return this.#each(
      (costs) => costs.model.estimates(),
      ({ name }) => name,
    ).toSorted((one, other) => other.costMs * other.samples - one.costMs * one.samples);
  }

  /** What all models say of the classes of their own pools: one that went on in another group still knows others. */
  #each<T>(of: (costs: FleetCosts) => readonly T[], keyOf: (each: T) => string): T[] {
    return [...new Set(this.#costs.values())].flatMap((costs) =>
      of(costs).filter((each) => this.#costs.get(poolOfClassKey(keyOf(each))) === costs),
    );
  }
}

/** The pools, those together that share a machine, directly or by way of others. */
function groupsOf(hosts: Iterable<{ readonly name: string; readonly url: string }>): string[][] {
  const groups = new Map<string, Set<string>>();
  const byMachine = new Map<string, string>();
  for (const { name, url } of hosts) {
    const pool = poolOf(name);
    const own = groups.get(pool) ?? new Set([pool]);
    groups.set(pool, own);
    const other = groups.get(byMachine.get(url) ?? pool) as Set<string>;
    byMachine.set(url, pool);
    if (other === own) continue;
    for (const each of other) groups.set(each, own.add(each));
  }
  return [...new Set(groups.values())].map((pools) => Array.from(pools));
}
