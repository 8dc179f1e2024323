// What affinity means for one request: the host that its key or its cookie prefers, and the cookie that the answer sets.
// Invariant: a preference never costs an answer; where the preferred host can't be picked, the pool's policy picks.

import { type HostView, LOOK, type PickTrace } from '../../model.js';
import { type HashAffinity, mayStick } from '../../routing/affinity.js';
import { AffinityKey } from '../../routing/affinity-key.js';
import type { HashKey } from '../../site-model.js';
import type { ClientSide } from '../client/client-side.js';
import { schemeOf } from '../wire/client-scheme.js';
import { clientAddressOf } from './logged-client.js';
import type { StickyCookie } from './sticky-cookie.js';

/** The preference of one request. */
export interface HostPreference {
  /** How the log of picks names it. */
  readonly by: 'hash' | 'cookie';
  /** The slot of the preferred host; -1 if the policy shall pick. @param excluded the host that failed the last attempt; -1: none */
  pick(view: HostView, nowMs: number, excluded: number): number;
  /** The value of Set-Cookie in an answer of the host with this slot; undefined: none is set. */
  setCookie(slot: number): string | undefined;
}

/** What is read of a request. */
type Asking = Pick<ClientSide, 'head' | 'facts'>;

/** The affinity of one pool. */
export interface PoolAffinity {
  /** What a request prefers, as its client wrote it; undefined: nothing. Counts cookies that name no host. */
  preferenceOf(client: Asking): HostPreference | undefined;
  /** The same for a request that is not sent: nothing is counted, and hosts that are considered go to this trace. */
  dryRun(client: Asking, trace: PickTrace): HostPreference | undefined;
}

/** Requests with equal keys prefer one host. */
export class HashedPool implements PoolAffinity {
  readonly #hash: HashAffinity;
  readonly #key: AffinityKey;
  /** Reads the client's address; undefined where it is not the key. */
  readonly #addressOf: ((client: Asking) => string) | undefined;

  /** @param isTrusted whether an address belongs to a trusted proxy (--trust) */
  constructor(hash: HashAffinity, key: HashKey, isTrusted: (address: string) => boolean) {
    this.#hash = hash;
    this.#key = new AffinityKey(key);
    this.#addressOf = key.of === 'client' ? ({ facts, head }) => clientAddressOf(facts, head.headers, isTrusted) : undefined;
  }

  preferenceOf(client: Asking): HostPreference | undefined {
    return this.#preferenceOf(client, this.#hash);
  }

  dryRun(client: Asking, trace: PickTrace): HostPreference | undefined {
    return this.#preferenceOf(client, this.#hash.tracedBy(trace));
  }

  #preferenceOf(client: Asking, hash: HashAffinity): HostPreference | undefined {
    const key = this.#key;
    const { target, headers } = client.head;
    return key.read(target, headers, this.#addressOf?.(client) ?? '') ? new HashPreference(hash, key.hi, key.lo) : undefined;
  }
}

class HashPreference implements HostPreference {
  readonly by = 'hash';
  readonly #hash: HashAffinity;
  readonly #hi: number;
  readonly #lo: number;

  constructor(hash: HashAffinity, hi: number, lo: number) {
    this.#hash = hash;
    this.#hi = hi;
    this.#lo = lo;
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    return this.#hash.pick(view, nowMs, excluded, this.#hi, this.#lo);
  }

  setCookie(): undefined {
    return undefined;
  }
}

/** Requests prefer the host that their cookie names. */
export class StickyPool implements PoolAffinity {
  readonly cookie: StickyCookie;
  readonly wallClock: () => number;
  readonly #trace: PickTrace | undefined;

  /** @param wallClock milliseconds since 1970 */
  constructor(cookie: StickyCookie, wallClock: () => number, trace?: PickTrace) {
    this.cookie = cookie;
    this.wallClock = wallClock;
    this.#trace = trace;
  }

  preferenceOf(client: Asking): HostPreference {
    return this.#preferenceOf(client, this.#trace, true);
  }

  dryRun(client: Asking, trace: PickTrace): HostPreference {
    return this.#preferenceOf(client, trace, false);
  }

  #preferenceOf(client: Asking, trace: PickTrace | undefined, isCounted: boolean): HostPreference {
    const slot = this.cookie.read(client.head.headers, this.wallClock(), isCounted);
    return new StickyPreference(this, client, slot, this.cookie.isRenewalDue, trace);
  }
}

class StickyPreference implements HostPreference {
  readonly by = 'cookie';
  readonly #pool: StickyPool;
  readonly #client: Asking;
  /** What `StickyCookie.read` gave. */
  readonly #slot: number;
  readonly #isRenewalDue: boolean;
  readonly #trace: PickTrace | undefined;

  constructor(pool: StickyPool, client: Asking, slot: number, isRenewalDue: boolean, trace: PickTrace | undefined) {
    this.#pool = pool;
    this.#client = client;
    this.#slot = slot;
    this.#isRenewalDue = isRenewalDue;
    this.#trace = trace;
  }

  pick(view: HostView, nowMs: number, excluded: number): number {
    const slot = this.#slot;
    if (slot < 0 || !mayStick(view, slot, nowMs, excluded)) return -1;
    this.#trace?.look(view, slot, nowMs, LOOK.eligible, Number.NaN);
    return slot;
  }

  setCookie(slot: number): string | undefined {
    if (slot === this.#slot && !this.#isRenewalDue) return undefined;
    const { head, facts } = this.#client;
    return this.#pool.cookie.setCookie(slot, this.#pool.wallClock(), schemeOf(facts, head.headers) === 'https');
  }
}
