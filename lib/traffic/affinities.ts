// The affinity of each pool of a balancer. What it has learned, such as the hosts of keys and verified cookies, outlives a
// change of the site that leaves the pool's affinity as it is. Invariant: each sticky cookie knows exactly the hosts of its pool.

import { poolOf } from '../host-id.js';
import type { PickTrace } from '../model.js';
import { HashAffinity } from '../routing/affinity.js';
import type { HostHashes } from '../routing/host-hashes.js';
import type { Affinity, SitePool } from '../site-model.js';
import type { Count } from '../table/counters.js';
import type { SlotHost } from '../table/slots.js';
import { HashedPool, type PoolAffinity, StickyPool } from './request/pool-affinity.js';
import { StickyCookie } from './request/sticky-cookie.js';

/** What affinities need. */
export interface AffinitiesOptions {
  /** The fleet's namespace: cookies of another one don't count. */
  readonly fleet: string;
  readonly hashes: HostHashes;
  /** Milliseconds since 1970, which cookies expire by. */
  readonly wallClock: () => number;
  readonly count: Count;
  readonly isTrusted: (address: string) => boolean;
  /** The hosts that are in the table now. */
  readonly hosts: { known(): readonly SlotHost[] };
  /** Where picks are logged; undefined when they are not. */
  readonly trace: PickTrace | undefined;
}

interface Entry {
  /** What it was made of: the affinity in the site. */
  readonly rules: string;
  readonly affinity: PoolAffinity | undefined;
}

/** The affinities of all pools. */
export class Affinities {
  readonly #options: AffinitiesOptions;
  #pools: readonly Pick<SitePool, 'name' | 'affinity'>[] = [];
  #secrets: readonly Buffer[] = [];
  #entries = new Map<string, Entry>();

  constructor(options: AffinitiesOptions) {
    this.#options = options;
  }

  /** The affinity of a pool; undefined: none, or sticky cookies while no secret is known. */
  of(pool: string): PoolAffinity | undefined {
    return this.#entries.get(pool)?.affinity;
  }

  /** Another site is in force, with these pools. */
  follow(pools: readonly Pick<SitePool, 'name' | 'affinity'>[]): void {
    this.#pools = pools;
    const before = this.#entries;
    this.#entries = new Map();
    for (const { name, affinity } of pools) {
      if (affinity === null) continue;
      const rules = JSON.stringify(affinity);
      const known = before.get(name);
      this.#entries.set(name, known?.rules === rules ? known : { rules, affinity: this.#build(name, affinity) });
    }
  }

  /** Cookies are signed with the first of these secrets, and checked with all. Empty: no cookie is set or honoured. */
  setSecrets(secrets: readonly Buffer[]): void {
    if (secrets.length === this.#secrets.length && secrets.every((secret, i) => secret.equals(this.#secrets[i] as Buffer))) return;
    this.#secrets = secrets;
    for (const { name, affinity } of this.#pools) if (affinity?.kind === 'cookie') this.#entries.delete(name);
    this.follow(this.#pools);
  }

  /** A host has taken its slot. */
  hostCame({ slot, name }: SlotHost): void {
    this.#cookieOf(name)?.addHost(slot, name);
  }

  /** A host has left the table. */
  hostWent({ slot, name }: SlotHost): void {
    this.#cookieOf(name)?.removeHost(slot);
  }

  #cookieOf(id: string): StickyCookie | undefined {
    const affinity = this.of(poolOf(id));
    return affinity instanceof StickyPool ? affinity.cookie : undefined;
  }

  #build(pool: string, affinity: Affinity): PoolAffinity | undefined {
    const { fleet, hashes, wallClock, count, isTrusted, hosts, trace } = this.#options;
    if (affinity.kind === 'hash') return new HashedPool(new HashAffinity(hashes, trace), affinity.key, isTrusted);
    if (this.#secrets.length === 0) return undefined;
    const { name, ttlMs } = affinity;
    const cookie = new StickyCookie({ secrets: this.#secrets, fleet, pool, name, ttlMs, count });
    for (const host of hosts.known()) if (poolOf(host.name) === pool) cookie.addHost(host.slot, host.name);
    return new StickyPool(cookie, wallClock, trace);
  }
}
