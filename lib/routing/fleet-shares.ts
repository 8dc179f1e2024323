// One balancer's side of the exchange about limits on requests in flight: builds reports, applies grants in order. Pure.
// Invariant: no grant older than the newest applied one is applied, none is applied twice, and every share is a lease that
// begins when the report was sent which the master answered, so that the master's count of it ends later than the lease.

import type { ShareKeeper } from './fleet-limit.js';
import { KEEP_SHARE, type KeyDemand, type LimitGrants, type LimitReport } from './limit-types.js';

/** All shares of one balancer. */
export class FleetShares {
  readonly #balancer: string;
  readonly #instance: string;
  readonly #leaseMs: number;
  readonly #keepers = new Map<string, ShareKeeper>();
  #term = 0;
  #seq = 0;
  #reports = 0;
  #isAway = false;

  /** @param leaseMs longer than it takes the fleet to elect a new master */
  constructor(balancer: string, instance: string, leaseMs: number) {
    this.#balancer = balancer;
    this.#instance = instance;
    this.#leaseMs = leaseMs;
  }

  /** Replaces the limited pools. A keeper of before may be among them. */
  setPools(keepers: readonly ShareKeeper[]): void {
    this.#keepers.clear();
    for (const keeper of keepers) this.#keepers.set(keeper.pool, keeper);
  }

  /** Redis has gone or come back. While it is away shares are kept; afterwards for another lease, until the master speaks. */
  setRedisAway(isAway: boolean, nowMs: number): void {
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    for (const keeper of this.#keepers.values()) {
      if (this.#term > 0) keeper.hold(isAway);
      if (!isAway) keeper.extend(nowMs + this.#leaseMs);
    }
  }

  /** What to tell the master now; goes with a load message. */
  report(nowMs: number, keys: readonly KeyDemand[] = []): LimitReport {
    return {
      balancer: this.#balancer,
      instance: this.#instance,
      seq: ++this.#reports,
      sentAtMs: nowMs,
      appliedTerm: this.#term,
      appliedSeq: this.#seq,
      pools: [...this.#keepers.values()].map((keeper) => keeper.report(nowMs)),
      keys,
    };
  }

  /** Applies grants; false if they are old or not for this instance. */
  take(grants: LimitGrants, nowMs: number): boolean {
    if (grants.term < this.#term || (grants.term === this.#term && grants.seq <= this.#seq)) return false;
    const row = grants.shares.find(({ balancer, instance }) => balancer === this.#balancer && instance === this.#instance);
    // A time of the future was not ours: another instance's, or forged.
    if (row === undefined || row.heardAtMs > nowMs) return false;
    this.#term = grants.term;
    this.#seq = grants.seq;
    for (const [index, pool] of grants.pools.entries()) {
      const share = row.shares[index];
      const keeper = this.#keepers.get(pool);
      if (keeper === undefined || share === undefined) continue;
      // A share whose lease has ended may be another balancer's by now: what is enforced is kept, not that.
      keeper.apply(share === KEEP_SHARE ? keeper.shareAt(nowMs) : share, row.heardAtMs + this.#leaseMs);
    }
    return true;
  }
}
