// A rate limit of the whole fleet, as one balancer enforces it: a token bucket for each key (GCRA, ITU-T I.371; a bucket of
// `burst` tokens that refills at `requests / perMs`), of which this balancer uses a fraction. Pure, without allocation per
// check. A key whose demand here stays below an even part of the limit is not reported: while it does so everywhere, the whole
// stays below the limit (local thresholds: Keralapura, Cormode, Ramamirtham, SIGMOD 2006). Any other is reported to the
// master, which deals out fractions; until it has, the limit holds at this balancer alone.

import type { RateLimit } from '../site-model.js';
import { keyOf } from './key-hash.js';
import type { KeyDemand, KeyGrant } from './limit-types.js';
import type { RateCells } from './rate-cells.js';

/** Keys of one limit that a balancer reports at a time, those first that were busy first; the others get an even part. */
export const MAX_REPORTED_KEYS = 256;

/**
 * A bucket in many parts loses what comes in while a part is full, as random arrivals do. So each holds besides what it gets in
 * this time, an interval of the exchange; all of them together let in as much beyond the burst. A whole one holds the burst.
 */
const SPLIT_MS = 100;

/** Instead of 0, so that times stay finite. */
const LEAST_FRACTION = 1e-6;

/** One rate limit. */
export class RateLimiter {
  readonly limit: string;
  /** What it allows. */
  readonly rule: RateLimit;
  /** Of the last check: tokens left, ms until a request is allowed (0 if it was), and until the bucket is full. */
  remaining = 0;
  retryAfterMs = 0;
  resetMs = 0;
  /** Keys that were not reported, since too many were; they had an even part. */
  unreported = 0;
  readonly #cells: RateCells;
  readonly #answerMs: number;
  readonly #msPerRequest: number;
  #balancers = 1;
  readonly #reported: { readonly cell: number; readonly high: number; readonly low: number; answeredAtMs: number; isGranted: boolean }[] =
    [];

  /**
   * @param limit its id, the same at all balancers
   * @param cells may serve several limits
   * @param answerMs how long a key may use the whole limit here while the master has not answered; then an even part
   */
  constructor(limit: string, rule: RateLimit, cells: RateCells, answerMs: number) {
    this.limit = limit;
    this.rule = rule;
    this.#cells = cells;
    this.#answerMs = answerMs;
    this.#msPerRequest = rule.perMs / rule.requests;
  }

  /** The number of balancers in the fleet. */
  setBalancers(balancers: number): void {
    this.#balancers = Math.max(1, balancers);
  }

  /** The limit is gone: where it comes back, its keys are reported anew. */
  retire(): void {
    for (const { cell, high, low } of this.#reported) if (this.#cells.holds(cell, high, low)) this.#cells.isReported[cell] = 0;
    this.#reported.length = 0;
  }

  /** Whether a request with this key is allowed; then it is counted. */
  check(high: number, low: number, nowMs: number): boolean {
    const cells = this.#cells;
    const cell = cells.take(high, low, nowMs, this.#firstFraction());
    this.#noteDemand(cell, nowMs);
    (cells.arrivals[cell] as number)++;
    const fraction = cells.fraction[cell] as number;
    const intervalMs = this.#msPerRequest / fraction;
    const spanMs = this.#spanMs(fraction);
    const fullAtMs = Math.max(cells.fullAtMs[cell] as number, nowMs);
    // A hundredth of a microsecond for rounding.
    const isAllowed = fullAtMs + intervalMs - nowMs <= spanMs + 1e-5;
    const nextMs = isAllowed ? fullAtMs + intervalMs : fullAtMs;
    if (isAllowed) {
      cells.fullAtMs[cell] = nextMs;
      (cells.admitted[cell] as number)++;
    }
    this.resetMs = nextMs - nowMs;
    this.remaining = Math.max(0, Math.floor((spanMs - this.resetMs) / intervalMs + 1e-9));
    // Fractions follow demand within the period: a small one of now says little of later.
    this.retryAfterMs = isAllowed ? 0 : Math.min(fullAtMs + intervalMs - nowMs - spanMs, this.rule.perMs);
    return isAllowed;
  }

  /** A single budget comes through all balancers from the first moment; one client usually through one. */
  #firstFraction(): number {
    return this.rule.key.of === 'route' ? 1 / this.#balancers : 1;
  }

  #noteDemand(cell: number, nowMs: number): void {
    const cells = this.#cells;
    const drainMs = this.#balancers * this.#msPerRequest;
    const evenMs = Math.max(this.#balancers, this.rule.burst) * this.#msPerRequest;
    const demandMs = Math.max(cells.demandAtMs[cell] as number, nowMs) + drainMs;
    // Twice the even part, so that it is forgotten in time.
    cells.demandAtMs[cell] = Math.min(demandMs, nowMs + 2 * evenMs);
    if (demandMs - nowMs > evenMs && cells.isReported[cell] === 0) this.#begin(cell, nowMs);
  }

  #begin(cell: number, nowMs: number): void {
    // Not before there are others: it is then reported to the first master that they have in common.
    if (this.#balancers === 1) return;
    const cells = this.#cells;
    cells.isReported[cell] = 1;
    cells.arrivals[cell] = cells.admitted[cell] = 0;
    if (this.#reported.length >= MAX_REPORTED_KEYS) {
      this.unreported++;
      cells.fraction[cell] = 1 / this.#balancers;
      return;
    }
    this.#reported.push({ cell, high: cells.highOf(cell), low: cells.lowOf(cell), answeredAtMs: nowMs, isGranted: false });
  }

  /**
   * What this balancer saw of its busy keys, and of those that are busy at others; call it once per report.
   * @param isHeld whether fractions are kept, since Redis is away: nobody can change those of others then
   */
  report(nowMs: number, isHeld = false): KeyDemand[] {
    const cells = this.#cells;
    const demands: KeyDemand[] = [];
    let kept = 0;
    for (const each of this.#reported) {
      const { cell, high, low, isGranted } = each;
      if (!cells.holds(cell, high, low)) continue;
      if (isHeld && isGranted) each.answeredAtMs = nowMs;
      const isBusy = (cells.demandAtMs[cell] as number) > nowMs;
      const isAnswered = nowMs - each.answeredAtMs <= this.#answerMs;
      if (!isBusy && !(isGranted && isAnswered)) {
        cells.isReported[cell] = 0;
        cells.fraction[cell] = this.#firstFraction();
        continue;
      }
      if (!isGranted && !isAnswered) this.#setFraction(cell, 1 / this.#balancers, nowMs);
      this.#reported[kept++] = each;
      demands.push({
        limit: this.limit,
        key: keyOf(high, low),
        arrivals: cells.arrivals[cell] as number,
        admitted: cells.admitted[cell] as number,
        isBusy,
      });
      cells.arrivals[cell] = cells.admitted[cell] = 0;
    }
    this.#reported.length = kept;
    return demands;
  }

  /**
   * Applies what the master dealt out for a key. A balancer that has the key reports it from now on, as busy as it may be.
   * @param fraction 0 … 1
   */
  grant(high: number, low: number, fraction: number, nowMs: number): void {
    const cells = this.#cells;
    const cell = cells.find(high, low);
    if (cell < 0) return;
    if (cells.isReported[cell] === 0) this.#begin(cell, nowMs);
    const reported = this.#reported.find((each) => each.cell === cell);
    if (reported === undefined) return;
    reported.isGranted = true;
    reported.answeredAtMs = nowMs;
    this.#setFraction(cell, fraction, nowMs);
  }

  #setFraction(cell: number, fraction: number, nowMs: number): void {
    const cells = this.#cells;
    const set = Math.min(1, Math.max(fraction, LEAST_FRACTION));
    cells.fraction[cell] = set;
    // The bucket stays as full as it was, in proportion; it can't be emptier than empty.
    cells.fullAtMs[cell] = Math.min(cells.fullAtMs[cell] as number, nowMs + this.#spanMs(set));
  }

  /** How long an empty bucket takes to fill; it holds at least one token. */
  #spanMs(fraction: number): number {
    return Math.max(this.#msPerRequest / fraction, this.rule.burst * this.#msPerRequest + (1 - fraction) * SPLIT_MS);
  }
}

/** The hash in 16 hex digits, as two numbers. */
export function limitKeyHashOf(key: string): readonly [high: number, low: number] {
  return [Number.parseInt(key.slice(0, 8), 16) | 0, Number.parseInt(key.slice(8), 16) | 0];
}

/** The fraction that a grant gives to the balancer at this index of the rows; -1 if it has no row. */
export function grantedFraction({ rest, fractions }: KeyGrant, index: number): number {
  for (const [balancer, fraction] of fractions) if (balancer === index) return fraction;
  return rest;
}
