// Deals out the limits of the fleet, for one mastership: hears what balancers have and want, and says once per interval what
// each may. The figures go with load messages and tables. Invariant: without limits in the site nothing is dealt out.

import type { Clock } from '../clock.js';
import { RateDealer } from '../learning/rate-dealer.js';
import { ShareMaster } from '../learning/share-master.js';
import type { LoadMessage } from '../model.js';
import type { Fields } from '../redis/decode.js';
import { decodeLimitPart, encodeGrantPart } from '../redis/limit-message.js';
import { fleetLimitsOf, LIMIT_EVERY_MS, rateLimitsOf } from '../site-limits.js';
import type { RateLimit, Site } from '../site-model.js';
import type { Count } from '../table/counters.js';

/** The dependencies of `LimitMaster`. */
export interface LimitMasterOptions {
  /** How long a share is good for. */
  readonly leaseMs: number;
  readonly term: number;
  /** The sequence number of the last table of this term. */
  readonly seq: number;
  /** When Redis last came back; -Infinity if it was never away. */
  readonly redisBackAtMs: number;
  readonly clock: Clock;
  readonly count: Count;
  /** The interval of the exchange, in ms. */
  readonly everyMs: () => number;
  /** Limits are to be dealt out now. */
  readonly onDue: () => void;
}

/** The limits of one mastership. */
export class LimitMaster {
  readonly #options: LimitMasterOptions;
  readonly #shares: ShareMaster;
  readonly #rates = new RateDealer();
  #rules: ReadonlyMap<string, RateLimit> = new Map();
  #isActive = false;
  #isDue = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LimitMasterOptions) {
    const { leaseMs, term, seq, redisBackAtMs, clock } = options;
    this.#options = options;
    this.#shares = new ShareMaster(leaseMs);
    this.#shares.begin(term, clock(), redisBackAtMs, seq);
    this.#rates.begin(clock());
  }

  /** Another site is in force. */
  setSite(site: Site | null): void {
    const limits = fleetLimitsOf(site);
    // What is known of a limit's keys counts as long as its rule is the same object; the same id means the same rule.
    this.#rules = new Map([...rateLimitsOf(site)].map(([id, rule]) => [id, this.#rules.get(id) ?? rule]));
    this.#shares.setLimits(limits);
    this.#rates.setRules(this.#rules);
    const wasActive = this.#isActive;
    this.#isActive = limits.size > 0 || this.#rules.size > 0;
    if (this.#isActive && !wasActive) this.#turn();
    else if (!this.#isActive) this.stop();
  }

  /** Takes what a load message says of limits. */
  onLoad({ balancer, instance, seq, limits }: LoadMessage): void {
    if (limits === undefined || !this.#isActive) return;
    const part = decodeLimitPart(limits);
    if (!part.ok) {
      this.#options.count('limit_reports_dropped');
      return;
    }
    const nowMs = this.#options.clock();
    const report = { balancer, instance, seq, ...part.value };
    if (this.#shares.take(report, nowMs)) this.#rates.take(report, nowMs);
  }

  /** A balancer has left in good order. */
  leave(balancer: string): void {
    this.#shares.leave(balancer);
  }

  /** Redis has come back. */
  onRedisBack(): void {
    const nowMs = this.#options.clock();
    this.#shares.resume(nowMs);
    this.#rates.begin(nowMs);
  }

  /** Whether the next table has to deal out limits. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** What the table with this number says of limits; undefined: nothing. */
  deal(seq: number): Fields | undefined {
    if (!this.#isDue) return undefined;
    this.#isDue = false;
    const nowMs = this.#options.clock();
    const everyMs = this.#intervalMs();
    const grants = this.#shares.deal(nowMs, everyMs, seq);
    const balancers = grants.shares.map(({ balancer }) => balancer);
    return encodeGrantPart({ ...grants, keys: this.#rates.deal(balancers, nowMs, everyMs) });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#isDue = false;
  }

  #intervalMs(): number {
    return Math.max(LIMIT_EVERY_MS, this.#options.everyMs());
  }

  #turn(): void {
    this.#isDue = true;
    this.#timer = setTimeout(() => this.#turn(), this.#intervalMs());
    this.#options.onDue();
  }
}
