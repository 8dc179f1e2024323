// The master's side of rate limits: which part of a key's rate and burst each balancer may use. Pure. Invariant: the fractions
// of the balancers listed sum up to at most 1, and what the fleet let in beyond the limit, while fractions were unknown or
// traffic moved, is paid back. Fractions go by demand, as in Raghavan et al., "Cloud Control with Distributed Rate Limiting",
// SIGCOMM 2007; the memory is bounded.

import { hasChanged } from '../routing/changed-rate.js';
import type { KeyGrant, LimitReport } from '../routing/limit-types.js';
import type { RateLimit } from '../site-model.js';
import { FLOOR_FRACTION } from './deal-shares.js';

/** Keys that are dealt with at a time; with more, those that come later are limited by each balancer alone. */
export const MAX_DEALT_KEYS = 8192;

/** Keys in one message; with more, each message has others. */
export const MAX_GRANTED_KEYS = 1024;

/** A balancer that left out a key so often no longer has it. */
const SILENT_TURNS = 3;

/** Requests from which a rate is estimated: its error is their square root. */
const ESTIMATED_FROM = 10;
const MAX_ESTIMATE_MS = 10_000;

/** Figures are two intervals old when a fraction is in force: one for the report, one for the answer. */
const DELAY_TURNS = 2;

interface Sender {
  /** Arrivals per ms. */
  readonly rate: number;
  /** Arrivals that the rate does not count yet, and since when. */
  readonly pending: number;
  readonly ratedAtMs: number;
  readonly heardAtMs: number;
  readonly isBusy: boolean;
}

interface Key {
  readonly limit: string;
  readonly key: string;
  readonly rule: RateLimit;
  /** Tokens taken of the one bucket that the fleet has, as of `levelAtMs`; it may be more than there were. */
  level: number;
  levelAtMs: number;
  readonly senders: Map<string, Sender>;
}

/** Deals out all rate limits. */
export class RateDealer {
  /** Reports of keys for which there was no place. */
  dropped = 0;
  readonly #keys = new Map<string, Key>();
  #rules: ReadonlyMap<string, RateLimit> = new Map();
  #everyMs = 100;
  #beganAtMs = 0;

  /** The limits of the site in force, by id. */
  setRules(rules: ReadonlyMap<string, RateLimit>): void {
    this.#rules = rules;
    for (const [id, { limit, rule }] of this.#keys) if (rules.get(limit) !== rule) this.#keys.delete(id);
  }

  /** A mastership begins, or Redis has come back: nothing is dealt out before all balancers can have been heard. */
  begin(nowMs: number): void {
    this.#keys.clear();
    this.#beganAtMs = nowMs;
  }

  /** Number of keys that are dealt with. */
  get size(): number {
    return this.#keys.size;
  }

  /** Takes a balancer's report; reports must come in their order. */
  take({ balancer, keys }: LimitReport, nowMs: number): void {
    for (const { limit, key, arrivals, admitted, isBusy } of keys) {
      const rule = this.#rules.get(limit);
      if (rule === undefined) continue;
      const id = `${limit} ${key}`;
      let known = this.#keys.get(id);
      if (known === undefined) {
        if (this.#keys.size >= MAX_DEALT_KEYS) {
          this.dropped++;
          continue;
        }
        known = { limit, key, rule, level: 0, levelAtMs: nowMs, senders: new Map() };
        this.#keys.set(id, known);
      }
      known.senders.set(balancer, this.#heard(known.senders.get(balancer), rule, arrivals, isBusy, nowMs));
      drain(known, nowMs);
      known.level += admitted;
    }
  }

  /**
   * Deals out the fractions.
   * @param balancers in the order of the rows of shares
   * @param everyMs the interval, in which every balancer reports once
   */
  deal(balancers: readonly string[], nowMs: number, everyMs: number): KeyGrant[] {
    this.#everyMs = everyMs;
    if (nowMs - this.#beganAtMs < DELAY_TURNS * everyMs) return [];
    const index = new Map(balancers.map((name, place) => [name, place]));
    const grants: KeyGrant[] = [];
    for (const [id, known] of [...this.#keys]) {
      let isBusy = false;
      for (const [name, sender] of known.senders) {
        if (nowMs - sender.heardAtMs > SILENT_TURNS * everyMs) known.senders.delete(name);
        else isBusy ||= sender.isBusy;
      }
      // While it is busy nowhere, the fleet is below the limit.
      if (!isBusy) {
        drain(known, nowMs);
        if (known.level === 0) this.#keys.delete(id);
        continue;
      }
      if (grants.length === MAX_GRANTED_KEYS) break;
      grants.push(grantOf(known, index, nowMs, everyMs));
      // To the end, so that others come first next time.
      this.#keys.delete(id);
      this.#keys.set(id, known);
    }
    return grants;
  }

  #heard(before: Sender | undefined, rule: RateLimit, arrivals: number, isBusy: boolean, nowMs: number): Sender {
    const heard = { heardAtMs: nowMs, isBusy };
    if (before === undefined) return { ...heard, rate: arrivals / this.#everyMs, pending: 0, ratedAtMs: nowMs };
    const passedMs = nowMs - before.ratedAtMs;
    const came = before.pending + arrivals;
    // Two reports in succession say nothing of a rate.
    if (passedMs < this.#everyMs / 2) return { ...before, ...heard, pending: came };
    const newest = hasChanged(came, before.rate * passedMs) ? 1 : 1 - Math.exp(-passedMs / this.#estimateMs(rule));
    return { ...heard, rate: before.rate + newest * (came / passedMs - before.rate), pending: 0, ratedAtMs: nowMs };
  }

  #estimateMs({ requests, perMs }: RateLimit): number {
    return Math.max(SILENT_TURNS * this.#everyMs, Math.min((ESTIMATED_FROM * perMs) / requests, MAX_ESTIMATE_MS));
  }
}

function drain(key: Key, nowMs: number): void {
  const { requests, perMs } = key.rule;
  key.level = Math.max(0, key.level - ((nowMs - key.levelAtMs) * requests) / perMs);
  key.levelAtMs = nowMs;
}

function grantOf(key: Key, index: ReadonlyMap<string, number>, nowMs: number, everyMs: number): KeyGrant {
  drain(key, nowMs);
  const { requests, perMs, burst } = key.rule;
  const delayMs = DELAY_TURNS * everyMs;
  const perMsAllowed = requests / perMs;
  // An integrator with a delay settles fastest, without swinging, with a time constant of e times the delay. What came in
  // during the delay is no excess: reports arrive in lumps.
  const excess = key.level - burst - perMsAllowed * delayMs;
  const paid = Math.min(1, Math.max(0, 1 - excess / (perMsAllowed * Math.E * delayMs)));
  let total = 0;
  for (const { rate } of key.senders.values()) total += rate;
  const even = 1 / key.senders.size;
  const fractions: (readonly [number, number])[] = [];
  for (const [name, { rate }] of key.senders) {
    const place = index.get(name);
    const part = total > 0 ? rate / total : even;
    if (place !== undefined) fractions.push([place, paid * ((1 - FLOOR_FRACTION) * part + FLOOR_FRACTION * even)]);
  }
  return { limit: key.limit, key: key.key, rest: paid / Math.max(1, index.size), fractions };
}
