// The master's side of limits on requests in flight: who is heard, and how far shares may be raised. Pure. Invariant: the
// balancers whose leases run may have at most 1.05 times the limit in flight: the limit, and a twentieth more only in place of
// what a balancer holds that has fallen silent. Source of the leases: Gray and Cheriton, "Leases", SOSP 1989.

import { KEEP_SHARE, type LimitGrants, type LimitReport, type ShareRow } from '../routing/limit-types.js';
import { PoolLedger } from './pool-ledger.js';

/** What may be dealt out beyond the limit while a balancer is silent, as a fraction of the limit. */
export const SLACK_FRACTION = 0.05;

/** Two clocks run apart by less than this fraction; quartz is better than 0.0002. */
const CLOCK_DRIFT = 0.001;

/** Balancers answer grants at once: one that has not answered the last ones by now is taken to be silent. */
const SILENT_TURNS = 1.5;

interface Member {
  readonly instance: string;
  seq: number;
  /** By this clock, and by the balancer's. */
  heardAtMs: number;
  sentAtMs: number;
  /** Whether it follows this mastership: only then it is known what it holds. */
  hasConfirmed: boolean;
}

/** Deals out the limits of all pools. */
export class ShareMaster {
  readonly #leaseMs: number;
  readonly #members = new Map<string, Member>();
  readonly #ledgers = new Map<string, PoolLedger>();
  /** Balancers whose claims count, whatever becomes of them. */
  readonly #claimants = new Set<string>();
  #limits: ReadonlyMap<string, number> = new Map();
  #term = 0;
  #seq = 0;
  /** Numbers of grants up to this one were sent before Redis went away. */
  #firstSeq = 0;
  #settledAtMs = 0;

  /** @param leaseMs as at all balancers */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs * (1 + CLOCK_DRIFT);
  }

  /** The pools with a limit, of the site in force. */
  setLimits(limits: ReadonlyMap<string, number>): void {
    this.#limits = limits;
    for (const pool of this.#ledgers.keys()) if (!limits.has(pool)) this.#ledgers.delete(pool);
    for (const pool of limits.keys()) if (!this.#ledgers.has(pool)) this.#ledgers.set(pool, new PoolLedger());
  }

  /**
   * A mastership begins. For the length of a lease, balancers that are not heard may hold what the last master dealt out; the
   * first one of a fleet has none before it, and deals at once.
   * @param backAtMs when Redis last came back after an outage; -Infinity if there was none
   * @param seq a number that all grants of this mastership exceed, and all of an earlier one of the same term do not
   */
  begin(term: number, nowMs: number, backAtMs: number, seq = 0): void {
    this.#term = term;
    this.#seq = seq;
    const isFirst = term === 1 && seq === 0;
    this.#forgetAll(Math.max(isFirst ? Number.NEGATIVE_INFINITY : nowMs + this.#leaseMs, backAtMs + 2 * this.#leaseMs));
  }

  /** Redis has come back, and this is still the master: balancers hold what they had, and one lease more after they are back. */
  resume(nowMs: number): void {
    this.#forgetAll(nowMs + 2 * this.#leaseMs);
  }

  #forgetAll(settledAtMs: number): void {
    this.#settledAtMs = settledAtMs;
    this.#firstSeq = this.#seq;
    this.#members.clear();
    this.#claimants.clear();
    for (const pool of this.#ledgers.keys()) this.#ledgers.set(pool, new PoolLedger());
  }

  /** Takes a balancer's report; false for an old one, which changes nothing. */
  take(report: LimitReport, nowMs: number): boolean {
    const { balancer, instance, seq, sentAtMs, appliedTerm, appliedSeq } = report;
    let member = this.#members.get(balancer);
    // The requests of an instance that has gone have gone with it.
    if (member !== undefined && member.instance !== instance) {
      this.leave(balancer);
      member = undefined;
    }
    if (member === undefined) {
      member = { instance, seq: seq - 1, heardAtMs: nowMs, sentAtMs, hasConfirmed: false };
      this.#members.set(balancer, member);
    }
    if (seq <= member.seq) return false;
    member.seq = seq;
    member.heardAtMs = nowMs;
    member.sentAtMs = sentAtMs;
    if (appliedTerm !== this.#term || appliedSeq <= this.#firstSeq || appliedSeq > this.#seq) return true;
    member.hasConfirmed = true;
    for (const demand of report.pools) this.#ledgers.get(demand.pool)?.confirm(balancer, appliedSeq, demand);
    if (nowMs > this.#settledAtMs || this.#claimants.has(balancer)) return true;
    this.#claimants.add(balancer);
    for (const { pool } of report.pools) this.#ledgers.get(pool)?.claim(balancer);
    return true;
  }

  /** A balancer has left in good order: what it held is free at once. */
  leave(balancer: string): void {
    this.#members.delete(balancer);
    for (const ledger of this.#ledgers.values()) ledger.drop(balancer);
  }

  /**
   * Deals out all limits; call it once per interval.
   * @param everyMs the interval, in which every balancer reports once
   * @param seq of these grants, higher than that of the last ones
   */
  deal(nowMs: number, everyMs: number, seq = this.#seq + 1): LimitGrants {
    this.#seq = seq;
    for (const [name, { heardAtMs }] of this.#members) if (nowMs > heardAtMs + this.#leaseMs) this.leave(name);
    const members = [...this.#members];
    const confirmed = members.filter(([, { hasConfirmed }]) => hasConfirmed).map(([name]) => name);
    const isKnown = nowMs > this.#settledAtMs && confirmed.length === members.length;
    const silent = new Set(members.filter(([, { heardAtMs }]) => nowMs > heardAtMs + SILENT_TURNS * everyMs).map(([name]) => name));
    const audible = confirmed.filter((name) => !silent.has(name));
    const pools = [...this.#limits.keys()];
    const shares = new Map(members.map(([name]) => [name, [] as number[]]));
    for (const pool of pools) {
      const ledger = this.#ledgers.get(pool) as PoolLedger;
      const dealt = ledger.deal(this.#seq, this.#budgetOf(pool, isKnown, silent), audible);
      for (const [name, own] of shares) own.push(dealt.get(name) ?? KEEP_SHARE);
    }
    const rows: ShareRow[] = members.map(([balancer, { instance, sentAtMs }]) => ({
      balancer,
      instance,
      heardAtMs: sentAtMs,
      shares: shares.get(balancer) as number[],
    }));
    return { term: this.#term, seq: this.#seq, pools, shares: rows, keys: [] };
  }

  /** The most that the balancers known may hold together. */
  #budgetOf(pool: string, isKnown: boolean, silent: ReadonlySet<string>): number {
    const ledger = this.#ledgers.get(pool) as PoolLedger;
    const limit = this.#limits.get(pool) as number;
    // Someone may hold the rest: it can only be moved among those that are known.
    if (!isKnown) return Math.min(limit, ledger.claimed);
    let lost = 0;
    for (const name of silent) lost += ledger.heldBy(name);
    return limit + Math.min(Math.floor(SLACK_FRACTION * limit), lost);
  }
}
