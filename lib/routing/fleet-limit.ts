// The limit of a pool's requests in flight over the whole fleet, as one balancer enforces it: a share that the master deals
// out, checked without a message. Invariant: a request begins only while fewer are in flight than the share allows. A share is
// a lease: a balancer that no longer hears the master falls back to an even part. Requests above a lowered share finish.

import { hasChanged } from './changed-rate.js';
import type { PoolDemand } from './limit-types.js';

/** The cells of a share: shared between the thread that counts requests and the one that exchanges messages. */
export const SHARE_CELL = { inflight: 0, attempts: 1, refused: 2, share: 3, leaseEndMs: 4, fallback: 5, isHeld: 6 } as const;

/** Number of cells of a share. */
export const SHARE_CELLS = 7;

/** The side of the traffic: one for each pool with a limit. */
export class InflightShare {
  readonly #cells: Float64Array;

  /** @param cells `SHARE_CELLS` of them */
  constructor(cells: Float64Array) {
    this.#cells = cells;
  }

  /** Begins a request, unless the share is used up; then it counts as refused. */
  tryBegin(nowMs: number): boolean {
    const cells = this.#cells;
    (cells[SHARE_CELL.attempts] as number)++;
    if (this.tryBeginWaiting(nowMs)) return true;
    (cells[SHARE_CELL.refused] as number)++;
    return false;
  }

  /** The same for a request that waited: its first attempt has been counted. */
  tryBeginWaiting(nowMs: number): boolean {
    const cells = this.#cells;
    const isLeased = nowMs < (cells[SHARE_CELL.leaseEndMs] as number) || cells[SHARE_CELL.isHeld] === 1;
    const limit = cells[isLeased ? SHARE_CELL.share : SHARE_CELL.fallback] as number;
    if ((cells[SHARE_CELL.inflight] as number) >= limit) return false;
    (cells[SHARE_CELL.inflight] as number)++;
    return true;
  }

  /** Ends a request that began; once for each. */
  end(): void {
    (this.#cells[SHARE_CELL.inflight] as number)--;
  }
}

/** Weight of the newest interval in the demand: what came in about the last five intervals counts. */
const NEWEST_WEIGHT = 0.2;

/** The side of the messages: one for each pool with a limit. */
export class ShareKeeper {
  readonly pool: string;
  readonly #cells: Float64Array;
  #limit: number;
  #attempts: number;
  #refused: number;
  /** Moving averages, per interval; NaN before the first. */
  #meanInflight = Number.NaN;
  #meanAttempts = 0;
  #meanRefused = 0;

  /**
   * A share that nobody has dealt out: none for the length of a lease, then an even part.
   * @param cells `SHARE_CELLS` of them, the same as those of its `InflightShare`; all 0, or as an earlier keeper left them
   * @param limit of the whole fleet
   * @param balancers how many the fleet has, at least 1
   */
  constructor(pool: string, cells: Float64Array, limit: number, balancers: number, leaseEndMs: number) {
    this.pool = pool;
    this.#cells = cells;
    this.#limit = limit;
    cells[SHARE_CELL.leaseEndMs] = leaseEndMs;
    cells[SHARE_CELL.isHeld] = 0;
    this.#attempts = cells[SHARE_CELL.attempts] as number;
    this.#refused = cells[SHARE_CELL.refused] as number;
    this.setFleet(limit, balancers);
  }

  /** The limit or the number of balancers has changed. The share follows with the next grant. */
  setFleet(limit: number, balancers: number): void {
    this.#limit = limit;
    this.#cells[SHARE_CELL.fallback] = Math.floor(limit / Math.max(1, balancers));
  }

  /** Requests in flight. */
  get inflight(): number {
    return this.#cells[SHARE_CELL.inflight] as number;
  }

  /** The share that is enforced now. */
  shareAt(nowMs: number): number {
    const cells = this.#cells;
    const isLeased = nowMs < (cells[SHARE_CELL.leaseEndMs] as number) || cells[SHARE_CELL.isHeld] === 1;
    return cells[isLeased ? SHARE_CELL.share : SHARE_CELL.fallback] as number;
  }

  /** Applies a dealt share until the end of its lease. */
  apply(share: number, leaseEndMs: number): void {
    this.#cells[SHARE_CELL.share] = share;
    this.#cells[SHARE_CELL.leaseEndMs] = leaseEndMs;
  }

  /** The pool has no limit any more: a later one begins without a share. */
  retire(): void {
    this.apply(0, 0);
    this.hold(false);
  }

  /** Whether the share is kept after its lease, since Redis is away: nobody can deal it out to others then. */
  hold(isHeld: boolean): void {
    this.#cells[SHARE_CELL.isHeld] = isHeld ? 1 : 0;
  }

  /** Extends the lease. */
  extend(leaseEndMs: number): void {
    this.#cells[SHARE_CELL.leaseEndMs] = Math.max(this.#cells[SHARE_CELL.leaseEndMs] as number, leaseEndMs);
  }

  /**
   * What this balancer has and wants; call it once per interval of the exchange. By Little's law, requests in flight grow in proportion to
   * those that are let in: with as many as came, there would be `attempts / admitted` times as many.
   */
  report(nowMs: number): PoolDemand {
    const cells = this.#cells;
    const [inflight, attempts, refused] = [cells[SHARE_CELL.inflight], cells[SHARE_CELL.attempts], cells[SHARE_CELL.refused]] as [
      number,
      number,
      number,
    ];
    const came = attempts - this.#attempts;
    const newest = hasChanged(came, this.#meanAttempts) || Number.isNaN(this.#meanInflight) ? 1 : NEWEST_WEIGHT;
    this.#meanInflight = newest === 1 ? inflight : this.#meanInflight + newest * (inflight - this.#meanInflight);
    this.#meanAttempts += newest * (came - this.#meanAttempts);
    this.#meanRefused += newest * (refused - this.#refused - this.#meanRefused);
    this.#attempts = attempts;
    this.#refused = refused;
    const admitted = this.#meanAttempts - this.#meanRefused;
    // Without a share nothing shows how long requests take: each refused one wants a place.
    const grown = this.#meanInflight > 0 && admitted > 0 ? (this.#meanInflight * this.#meanAttempts) / admitted : this.#meanAttempts;
    const wanted = Math.min(Math.max(grown, this.#meanRefused > 0 ? 1 : 0, inflight), 1000 * Math.max(1, this.#limit));
    return { pool: this.pool, inflight, share: this.shareAt(nowMs), wanted: Math.round(wanted) };
  }
}
