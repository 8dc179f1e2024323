// A fleet in virtual time that exchanges what limits need: reports, grants, a mastership, outages. The shares, limiters and the
// master's ledgers are those of the product; messages, clocks and faults are simulated. Messages arrive 1 to 3 ms later.

import { RateDealer } from '../../learning/rate-dealer.js';
import { ShareMaster } from '../../learning/share-master.js';
import { InflightShare, SHARE_CELLS, ShareKeeper } from '../../routing/fleet-limit.js';
import { FleetRates, fractionsOf } from '../../routing/fleet-rates.js';
import { FleetShares } from '../../routing/fleet-shares.js';
import { RateCells } from '../../routing/rate-cells.js';
import { RateLimiter } from '../../routing/rate-limit.js';
import type { RateLimit } from '../../site-model.js';
import type { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';
import { AWAY_MS, type LimitFault } from './limit-scenarios.js';

/** The time from a master's death to the first grants of the next one, at most, but for the exchange. */
const ELECTION_MS = 2000;

/** A lease outlasts an election and what is under way: an overdue report, its answer, and a turn more. */
const LEASE_TURNS = 4;

const RECONNECT_MS = 500;
const DELAY_MS = 1;
const JITTER_MS = 2;
const CELLS = 1024;

/** Without grants to answer, a balancer reports after this many intervals. */
const OVERDUE_TURNS = 1.5;

/** A report that answers grants, not one of the timer. */
const ANSWER = 'answer';

/** The pool and the limit that are simulated. */
const POOL = 'web';
const LIMIT = 'limit';

/** What is limited. */
export interface LimitRules {
  readonly balancers: number;
  readonly everyMs: number;
  readonly inflight: number;
  readonly rate: RateLimit;
}

/** A balancer of the fleet. */
export interface LimitBalancer {
  isAlive: boolean;
  readonly share: InflightShare;
  readonly limiter: RateLimiter;
}

interface Member extends LimitBalancer {
  readonly name: string;
  readonly shares: FleetShares;
  readonly rates: FleetRates;
  hasRedis: boolean;
  reportedAtMs: number;
}

/** The fleet. */
export class LimitFleet {
  readonly #queue: EventQueue;
  readonly #draws: Draws;
  readonly #rules: LimitRules;
  readonly #leaseMs: number;
  readonly #members: Member[];
  #master = 0;
  #term = 1;
  #backAtMs = Number.NEGATIVE_INFINITY;
  #shareMaster: ShareMaster;
  #rateDealer: RateDealer;

  constructor(queue: EventQueue, draws: Draws, rules: LimitRules) {
    this.#queue = queue;
    this.#draws = draws;
    this.#rules = rules;
    this.#leaseMs = ELECTION_MS + LEASE_TURNS * rules.everyMs;
    this.#members = Array.from({ length: rules.balancers }, (_, index) => this.#build(`balancer-${index}`));
    [this.#shareMaster, this.#rateDealer] = this.#elected();
    for (let index = 0; index < rules.balancers; index++) this.#queue.schedule(rules.everyMs * draws.uniform(), this.#report, index, null);
    this.#queue.schedule(rules.everyMs, this.#deal, 0, 1);
  }

  /** All balancers, dead ones too. */
  get balancers(): readonly LimitBalancer[] {
    return this.#members;
  }

  /** Lets something fail now. Returns the balancer that died; -1 if none did. */
  fail({ what }: LimitFault): number {
    if (what === 'redis-away') {
      this.#setRedis(false);
      this.#queue.schedule(this.#queue.nowMs + AWAY_MS, this.#comeBack, 0, null);
      return -1;
    }
    const dying = what === 'dies' ? this.#members.length - 1 : this.#master;
    (this.#members[dying] as Member).isAlive = false;
    if (dying === this.#master) this.#queue.schedule(this.#queue.nowMs + ELECTION_MS, this.#elect, 0, null);
    return dying;
  }

  #build(name: string): Member {
    const { inflight, balancers, rate } = this.#rules;
    const cells = new Float64Array(SHARE_CELLS);
    const shares = new FleetShares(name, 'i', this.#leaseMs);
    shares.setPools([new ShareKeeper(POOL, cells, inflight, balancers, this.#leaseMs)]);
    const limiter = new RateLimiter(LIMIT, rate, new RateCells(CELLS), this.#leaseMs);
    const rates = new FleetRates();
    rates.setLimiters([limiter]);
    rates.setBalancers(balancers);
    return {
      name,
      isAlive: true,
      hasRedis: true,
      reportedAtMs: Number.NEGATIVE_INFINITY,
      share: new InflightShare(cells),
      limiter,
      shares,
      rates,
    };
  }

  #elected(): [ShareMaster, RateDealer] {
    const [shareMaster, rateDealer] = [new ShareMaster(this.#leaseMs), new RateDealer()];
    shareMaster.setLimits(new Map([[POOL, this.#rules.inflight]]));
    shareMaster.begin(this.#term, this.#queue.nowMs, this.#backAtMs);
    rateDealer.begin(this.#queue.nowMs);
    rateDealer.setRules(new Map([[LIMIT, this.#rules.rate]]));
    return [shareMaster, rateDealer];
  }

  #delayMs(): number {
    return DELAY_MS + JITTER_MS * this.#draws.uniform();
  }

  #setRedis(isThere: boolean): void {
    const { nowMs } = this.#queue;
    for (const [index, member] of this.#members.entries()) {
      if (isThere) this.#queue.schedule(nowMs + RECONNECT_MS * this.#draws.uniform(), this.#reconnect, index, null);
      else {
        member.hasRedis = false;
        member.shares.setRedisAway(true, nowMs);
        member.rates.setRedisAway(true);
      }
    }
  }

  readonly #reconnect = (index: number): void => {
    const member = this.#members[index] as Member;
    member.hasRedis = true;
    member.shares.setRedisAway(false, this.#queue.nowMs);
    member.rates.setRedisAway(false);
  };

  readonly #comeBack = (): void => {
    this.#backAtMs = this.#queue.nowMs;
    this.#shareMaster.resume(this.#queue.nowMs);
    this.#rateDealer.begin(this.#queue.nowMs + RECONNECT_MS);
    this.#setRedis(true);
  };

  readonly #report = (index: number, turn: unknown): void => {
    const member = this.#members[index] as Member;
    const { nowMs } = this.#queue;
    if (!member.isAlive) return;
    // A balancer answers grants at once; without any, it speaks all the same.
    const isTimer = turn !== ANSWER;
    if (isTimer) this.#queue.schedule(nowMs + this.#rules.everyMs, this.#report, index, null);
    if (isTimer && nowMs - member.reportedAtMs < OVERDUE_TURNS * this.#rules.everyMs) return;
    member.reportedAtMs = nowMs;
    const report = member.shares.report(nowMs, member.rates.report(nowMs));
    if (member.hasRedis) this.#queue.schedule(nowMs + this.#delayMs(), this.#hear, this.#term, report);
  };

  readonly #hear = (term: number, report: ReturnType<FleetShares['report']>): void => {
    if (term !== this.#term || !(this.#members[this.#master] as Member).isAlive) return;
    this.#shareMaster.take(report, this.#queue.nowMs);
    this.#rateDealer.take(report, this.#queue.nowMs);
  };

  readonly #deal = (_: number, term: number): void => {
    const { nowMs } = this.#queue;
    const { everyMs } = this.#rules;
    const master = this.#members[this.#master] as Member;
    if (term !== this.#term || !master.isAlive) return;
    this.#queue.schedule(nowMs + everyMs, this.#deal, 0, term);
    const grants = this.#shareMaster.deal(nowMs, everyMs);
    const names = grants.shares.map(({ balancer }) => balancer);
    const whole = { ...grants, keys: this.#rateDealer.deal(names, nowMs, everyMs) };
    if (!master.hasRedis) return;
    for (const index of this.#members.keys()) this.#queue.schedule(nowMs + this.#delayMs(), this.#apply, index, whole);
  };

  readonly #apply = (index: number, grants: ReturnType<ShareMaster['deal']>): void => {
    const { name, isAlive, hasRedis, shares, rates } = this.#members[index] as Member;
    if (!isAlive || !hasRedis || !shares.take(grants, this.#queue.nowMs)) return;
    rates.take(fractionsOf(grants, name), this.#queue.nowMs);
    this.#report(index, ANSWER);
  };

  readonly #elect = (): void => {
    this.#master = this.#members.findIndex(({ isAlive }) => isAlive);
    if (this.#master < 0) return;
    this.#term++;
    [this.#shareMaster, this.#rateDealer] = this.#elected();
    this.#queue.schedule(this.#queue.nowMs + this.#rules.everyMs, this.#deal, 0, this.#term);
  };
}
