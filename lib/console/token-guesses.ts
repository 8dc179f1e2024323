// How often a token may be guessed: a wrong one costs its address a try, of which a few come back each second. Pure; time
// is handed in. Invariant: who has no try left learns nothing, also not with the right token; and who has given the right
// token before is not locked out by others' guesses, from however many addresses they come.

import { isIPv6 } from 'node:net';

/** Tries of one address: a person who mistypes, or a browser with an old token, and then one a second. */
const OWN = { atOnce: 10, perSecond: 1 };

/** Tries of all addresses together that have not given the right token yet. */
const STRANGERS = { atOnce: 100, perSecond: 10 };

/** Addresses that gave the right token and are remembered, the latest first. */
const MAX_KNOWN = 64;

/** More addresses with used tries than this are looked through for those whose tries have all come back. */
const PRUNE_ABOVE = 256;

interface Rate {
  readonly atOnce: number;
  readonly perSecond: number;
}

/** A token bucket. */
class Tries {
  readonly #rate: Rate;
  #left: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#left = rate.atOnce;
    this.#atMs = nowMs;
  }

  left(nowMs: number): number {
    this.#left = Math.min(this.#rate.atOnce, this.#left + ((nowMs - this.#atMs) * this.#rate.perSecond) / 1000);
    this.#atMs = nowMs;
    return this.#left;
  }

  take(nowMs: number): void {
    this.#left = Math.max(0, this.left(nowMs) - 1);
  }

  isFull(nowMs: number): boolean {
    return this.left(nowMs) === this.#rate.atOnce;
  }

  /** How long until there is a try; 0 when there is one. */
  waitMs(nowMs: number): number {
    return (Math.max(0, 1 - this.left(nowMs)) * 1000) / this.#rate.perSecond;
  }
}

/** The guesses at one console. */
export class TokenGuesses {
  readonly #own = new Map<string, Tries>();
  readonly #known = new Set<string>();
  readonly #strangers: Tries;

  constructor(nowMs: number) {
    this.#strangers = new Tries(STRANGERS, nowMs);
  }

  /** How long this address must wait before its token is looked at, in ms; 0: not at all. */
  waitMs(address: string, nowMs: number): number {
    const client = clientOf(address);
    const own = this.#own.get(client)?.waitMs(nowMs) ?? 0;
    return this.#known.has(client) ? own : Math.max(own, this.#strangers.waitMs(nowMs));
  }

  /** The token was wrong. */
  onWrong(address: string, nowMs: number): void {
    const client = clientOf(address);
    if (!this.#known.has(client)) this.#strangers.take(nowMs);
    if (this.#own.size >= PRUNE_ABOVE) for (const [each, tries] of this.#own) if (tries.isFull(nowMs)) this.#own.delete(each);
    const tries = this.#own.get(client) ?? new Tries(OWN, nowMs);
    this.#own.set(client, tries);
    tries.take(nowMs);
  }

  /** The token was right. */
  onRight(address: string): void {
    const client = clientOf(address);
    this.#known.delete(client);
    this.#known.add(client);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest] = this.#known as Iterable<string>;
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#own.size + this.#known.size;
  }
}

/** Whom an address belongs to: of IPv6 a whole /64, which is one network and may be one machine. */
function clientOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  // Sockets give addresses in their shortest form, where `::` stands for the missing groups.
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  return groups.slice(0, 4).join(':');
}
