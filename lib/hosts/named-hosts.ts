// The hosts that the site names, and those that live balancers name with --host. What the site says counts. If balancers
// contradict each other, the URL named by most counts; on a tie the one in use, else the first in alphabetical order. Has no
// clock and does no I/O.

import type { LoadMessage, StaticHost } from '../model.js';
import { listOf, type PartlyNamed } from '../redis/partly-named.js';
import { BALANCER_TTL_MS } from './fleet-loads.js';
import { UNNAMED_AFTER_MS } from './host-entry.js';

interface Naming {
  heardAtMs: number;
  readonly hosts: readonly string[];
}

/** The static hosts of the fleet, from the load messages of live balancers. */
export class NamedHosts {
  readonly #balancers = new Map<string, Naming>();
  /** By host, as the site says. */
  #site: ReadonlyMap<string, StaticHost> = new Map();
  /** By host: its URLs, and the balancers that name each. */
  readonly #urls = new Map<string, Map<string, Set<string>>>();
  /** By host and URL: the name that DNS found it by and its weight there, as the last balancer said. */
  readonly #authorities = new Map<string, string>();
  readonly #weights = new Map<string, number>();

  /** By host: since when some live balancers name it and others do not. */
  readonly #partlySinceMs = new Map<string, number>();

  /** Whether any live balancer has named its hosts. Until then nobody knows whether a host is still named. */
  get isHeard(): boolean {
    return this.#balancers.size > 0;
  }

  /** Replaces the hosts that the site names. Returns those that it names, or did until now. */
  takeSite(hosts: readonly StaticHost[]): ReadonlySet<string> {
    const concerned = new Set([...this.#site.keys(), ...hosts.map(({ name }) => name)]);
    this.#site = new Map(hosts.map((host) => [host.name, host]));
    return concerned;
  }

  /** The weight of a host with this URL: the site's, or that of its record in DNS. */
  weightOf(host: string, url: string): number {
    return this.#site.get(host)?.weight ?? this.#weights.get(placeOf(host, url)) ?? 1;
  }

  /** Handles a load message; only a full one names hosts. Returns the hosts that this balancer names, or did until now. */
  take({ balancer, isFull, statics }: Pick<LoadMessage, 'balancer' | 'isFull' | 'statics'>, nowMs: number): ReadonlySet<string> {
    const known = this.#balancers.get(balancer);
    if (!isFull) {
      if (known !== undefined) known.heardAtMs = nowMs;
      return new Set();
    }
    const concerned = new Set(this.#forget(balancer));
    this.#balancers.set(balancer, { heardAtMs: nowMs, hosts: statics.map(({ name }) => name) });
    for (const { name, url, authority, weight = 1 } of statics) {
      concerned.add(name);
      if (authority !== undefined) this.#authorities.set(placeOf(name, url), authority);
      this.#weights.set(placeOf(name, url), weight);
      const urls = this.#urls.get(name) ?? new Map<string, Set<string>>();
      this.#urls.set(name, urls.set(url, (urls.get(url) ?? new Set()).add(balancer)));
    }
    return concerned;
  }

  /** Drops silent balancers; returns the hosts that they named. */
  tick(nowMs: number): string[] {
    const silent = [...this.#balancers].filter(([, { heardAtMs }]) => nowMs - heardAtMs > BALANCER_TTL_MS);
    return silent.flatMap(([balancer]) => this.#forget(balancer));
  }

  /** Whether the site or a live balancer names this host. */
  isNamed(host: string): boolean {
    return this.#site.has(host) || this.#urls.has(host);
  }

  /** The URL that counts; undefined for a host that nobody names. */
  urlOf(host: string, inUse: string | undefined): string | undefined {
    const ofSite = this.#site.get(host)?.url;
    if (ofSite !== undefined) return ofSite;
    const urls = this.#urls.get(host);
    if (urls === undefined || urls.size === 1) return urls?.keys().next().value;
    const most = Math.max(...[...urls.values()].map(({ size }) => size));
    const tied = [...urls].filter(([, { size }]) => size === most).map(([url]) => url);
    return tied.find((url) => url === inUse) ?? tied.toSorted()[0];
  }

  /** The DNS name that a host with this URL was found by; undefined when it was given as it is, or is not named. */
  authorityOf(host: string, url: string): string | undefined {
    return this.#authorities.get(placeOf(host, url));
  }

  /** Describes who names which URL, for people; undefined when all agree. */
  contradiction(host: string): string | undefined {
    const urls = this.#urls.get(host);
    if (urls === undefined || urls.size < 2) return undefined;
    return [...urls]
      .toSorted()
      .map(([url, balancers]) => `${listOf([...balancers].toSorted())} ${balancers.size === 1 ? 'names' : 'name'} ${url}`)
      .join(', ');
  }

  /**
   * The hosts that some live balancers name and others do not, for longer than a lost message explains; call once a second.
   * What DNS finds is left out, since balancers may get different answers, and so is what the site names.
   */
  partlyNamed(nowMs: number): ReadonlyMap<string, PartlyNamed> {
    const partly = new Map<string, PartlyNamed>();
    const all = [...this.#balancers.keys()].toSorted();
    for (const [host, urls] of this.#urls) {
      const isGiven = ![...urls.keys()].some((url) => this.#authorities.has(placeOf(host, url)));
      const by = [...urls.values()].flatMap((names) => Array.from(names));
      if (isGiven && by.length < all.length && !this.#site.has(host))
        partly.set(host, { by: by.toSorted(), notBy: all.filter((name) => !by.includes(name)) });
    }
    for (const host of this.#partlySinceMs.keys()) if (!partly.has(host)) this.#partlySinceMs.delete(host);
    for (const host of partly.keys()) {
      const sinceMs = this.#partlySinceMs.get(host) ?? nowMs;
      this.#partlySinceMs.set(host, sinceMs);
      if (nowMs - sinceMs < UNNAMED_AFTER_MS) partly.delete(host);
    }
    return partly;
  }

  #forget(balancer: string): readonly string[] {
    const known = this.#balancers.get(balancer);
    if (known === undefined) return [];
    this.#balancers.delete(balancer);
    for (const host of known.hosts) {
      const urls = this.#urls.get(host);
      for (const [url, balancers] of urls ?? []) {
        balancers.delete(balancer);
        if (balancers.size > 0) continue;
        urls?.delete(url);
        this.#authorities.delete(placeOf(host, url));
        this.#weights.delete(placeOf(host, url));
      }
      if (urls?.size === 0) this.#urls.delete(host);
    }
    return known.hosts;
  }
}

/** Neither names nor URLs contain blanks. */
const placeOf = (host: string, url: string): string => `${host} ${url}`;
