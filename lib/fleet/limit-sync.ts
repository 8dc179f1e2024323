// The limits of the fleet in one balancer's fleet thread: what it says of them in load messages, and what it takes from the
// master's tables. Requests meet limits in the thread that serves, which is asked for its busy keys once per interval, in
// the answer to a table. Invariant: without limits in the site nothing is sent, and nobody is asked.

import type { Clock } from '../clock.js';
import { SHARE_CELL, ShareKeeper } from '../routing/fleet-limit.js';
import { fractionsOf, type KeyFraction } from '../routing/fleet-rates.js';
import { FleetShares } from '../routing/fleet-shares.js';
import type { KeyDemand } from '../routing/limit-types.js';
import type { HostTable } from '../model.js';
import type { Fields } from '../redis/decode.js';
import { decodeGrantPart, encodeLimitPart } from '../redis/limit-message.js';
import { fleetLimitsOf, LIMIT_EVERY_MS, rateLimitsOf, shareLeaseMs } from '../site-limits.js';
import type { Site } from '../site-model.js';
import type { Count } from '../table/counters.js';
import { shareCellsOf, type TableColumns } from '../table/layout.js';
import type { NamedPool } from '../table/pool-indexes.js';
import type { FromFleet, ThreadConfig } from '../thread-messages.js';

/** Without grants to answer, a balancer reports after this time: so a new master hears of it. */
const OVERDUE_MS = 1.5 * LIMIT_EVERY_MS;

/** The dependencies of `LimitSync`. */
export interface LimitSyncOptions {
  readonly config: Pick<ThreadConfig, 'name' | 'instance' | 'leaseTtlMs'>;
  readonly columns: Pick<TableColumns, 'shares'>;
  readonly clock: Clock;
  readonly count: Count;
  readonly post: (message: FromFleet) => void;
}

interface LimitedPool {
  readonly index: number;
  readonly keeper: ShareKeeper;
}

/** The limits of one balancer. */
export class LimitSync {
  readonly #options: LimitSyncOptions;
  readonly #leaseMs: number;
  readonly #shares: FleetShares;
  #limits: ReadonlyMap<string, number> = new Map();
  #pools = new Map<string, LimitedPool>();
  #isActive = false;
  #balancers = 1;
  #isRedisAway = false;
  /** The busy keys for the next report; undefined: none is due. */
  #keys: readonly KeyDemand[] | undefined;
  #isAsking = false;
  #saidAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LimitSyncOptions) {
    const { name, instance, leaseTtlMs } = options.config;
    this.#options = options;
    this.#leaseMs = shareLeaseMs(leaseTtlMs);
    this.#shares = new FleetShares(name, instance, this.#leaseMs);
  }

  /** Another site is in force. @param indexes those of its pools */
  setSite(site: Site | null, indexes: readonly NamedPool[]): void {
    const before = this.#pools;
    this.#limits = fleetLimitsOf(site);
    this.#pools = new Map();
    for (const [name, index] of indexes) {
      const limit = this.#limits.get(name);
      if (limit !== undefined) this.#pools.set(name, this.#limited(name, index, limit, before.get(name)));
    }
    for (const [name, { index, keeper }] of before) if (this.#pools.get(name)?.index !== index) keeper.retire();
    this.#shares.setPools([...this.#pools.values()].map(({ keeper }) => keeper));
    this.#isActive = this.#pools.size > 0 || rateLimitsOf(site).size > 0;
    if (this.#isActive) this.#tell([]);
    else this.#keys = undefined;
  }

  #limited(name: string, index: number, limit: number, before: LimitedPool | undefined): LimitedPool {
    if (before?.index === index) {
      before.keeper.setFleet(limit, this.#balancers);
      return before;
    }
    const cells = shareCellsOf(this.#options.columns, index);
    // What an earlier thread of this process was dealt out still counts.
    const leaseEndMs = (cells[SHARE_CELL.leaseEndMs] as number) || this.#options.clock() + this.#leaseMs;
    return { index, keeper: new ShareKeeper(name, cells, limit, this.#balancers, leaseEndMs) };
  }

  /** The number of balancers in the fleet. */
  setBalancers(balancers: number): void {
    if (balancers === this.#balancers) return;
    this.#balancers = balancers;
    for (const [name, { keeper }] of this.#pools) keeper.setFleet(this.#limits.get(name) as number, balancers);
    if (this.#isActive) this.#tell([]);
  }

  /** Redis has gone or come back. */
  setRedisAway(isAway: boolean): void {
    if (isAway === this.#isRedisAway) return;
    this.#isRedisAway = isAway;
    this.#shares.setRedisAway(isAway, this.#options.clock());
    if (this.#isActive) this.#tell([]);
  }

  /** Takes what a table says of limits. */
  onTable({ stamp: { term, seq }, limits }: HostTable): void {
    if (limits === undefined || !this.#isActive) return;
    const { config, clock, count } = this.#options;
    const part = decodeGrantPart(limits);
    if (!part.ok) {
      count('limit_grants_dropped');
      return;
    }
    const grants = { term, seq, ...part.value };
    if (this.#shares.take(grants, clock())) this.#tell(fractionsOf(grants, config.name));
  }

  /** The busy keys, which were asked for. */
  onKeys(keys: readonly KeyDemand[]): void {
    this.#isAsking = false;
    if (this.#isActive) this.#keys = keys;
  }

  /** What the next load message says of limits; undefined: nothing. What it returns must be sent: it is not said again. */
  due(nowMs: number): Fields | undefined {
    if (!this.#isActive) return undefined;
    const keys = this.#keys;
    if (keys === undefined) {
      if (nowMs - this.#saidAtMs >= OVERDUE_MS) this.#tell([]);
      return undefined;
    }
    this.#keys = undefined;
    this.#saidAtMs = nowMs;
    return encodeLimitPart(this.#shares.report(nowMs, keys));
  }

  /** Tells the thread that serves, and asks it for its busy keys, unless those that it said were not sent yet. */
  #tell(fractions: readonly KeyFraction[]): void {
    const isAsked = this.#keys === undefined && !this.#isAsking;
    this.#isAsking ||= isAsked;
    this.#options.post({ type: 'limits', fractions, balancers: this.#balancers, isRedisAway: this.#isRedisAway, isAsked });
  }
}
