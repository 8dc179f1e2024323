// The hosts that this balancer names: those of its flags as they are, and those that DNS finds behind names. Every balancer
// resolves for itself, so that it can serve without Redis and without a master; the master takes what the living ones name.

import type { Clock } from '../clock.js';
import { type DnsServer, readDnsServer } from '../config/values.js';
import { type Discoverer, startDiscoverer } from '../discovery/discoverer.js';
import type { DiscoverySource } from '../discovery/discovery.js';
import { dnsLookupBy } from '../discovery/dns-lookup.js';
import { hostIdOf } from '../host-id.js';
import type { Log } from '../log.js';
import type { GivenHost, StaticHost } from '../model.js';
import { DEFAULT_POOL, type Site } from '../site-model.js';
import { countingStatics } from '../site-hosts.js';
import type { Count } from '../table/counters.js';

/** The dependencies of `OwnHosts`. */
export interface OwnHostsOptions {
  /** As the flags have them; without any those of this machine. */
  readonly dnsServers: readonly string[];
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
  /** Whether a host does not answer, as far as is known. */
  readonly isDown: (id: string) => boolean;
  /** All hosts that are named now; called when they have changed. */
  readonly onHosts: (hosts: readonly StaticHost[]) => void;
}

/** The hosts of one balancer. */
export class OwnHosts {
  readonly #onHosts: (hosts: readonly StaticHost[]) => void;
  readonly #discoverer: Discoverer;
  #sources: readonly DiscoverySource[] = [];
  #given: readonly StaticHost[] = [];
  #discovered: readonly StaticHost[] = [];

  constructor({ dnsServers, clock, count, log, isDown, onHosts }: OwnHostsOptions) {
    this.#onHosts = onHosts;
    this.#discoverer = startDiscoverer({
      lookup: dnsLookupBy(dnsServers.map((text) => readDnsServer(text) as DnsServer)),
      clock,
      count,
      log,
      isDown,
      onHosts: (hosts) => {
        this.#discovered = hosts.map(({ name, url, authority, weight }) => ({ name, url, authority, weight }));
        this.#onHosts(this.hosts);
      },
    });
  }

  /** Names these hosts from now on, and what DNS finds for those that are to be discovered: at once what is known, the rest when it is. */
  name(sources: readonly DiscoverySource[]): void {
    this.#sources = sources;
    this.#given = sources
      .filter(({ host }) => host.discovery === 'none')
      .map(({ pool, host }) => ({ name: hostIdOf(pool, host.name), url: host.url, weight: host.weight }));
    this.#onHosts(this.hosts);
    this.#discoverer.setSources(sources.filter(({ host }) => host.discovery !== 'none'));
  }

  /** Names these hosts besides those that are named already; of two with one id it is the new one. */
  add(sources: readonly DiscoverySource[]): void {
    const idOf = ({ pool, host }: DiscoverySource): string => hostIdOf(pool, host.name);
    const ids = new Set(sources.map(idOf));
    this.name([...this.#sources.filter((source) => !ids.has(idOf(source))), ...sources]);
  }

  /** The hosts that are named now. */
  get hosts(): readonly StaticHost[] {
    const given = new Set(this.#given.map(({ name }) => name));
    return [...this.#given, ...this.#discovered.filter(({ name }) => !given.has(name))];
  }

  /** Whether every name was resolved once, or could not be. */
  get isComplete(): boolean {
    return this.#discoverer.isComplete;
  }

  /** Call a few times a second. */
  review(): void {
    this.#discoverer.review();
  }

  stop(): void {
    this.#discoverer.stop();
  }
}

/** The hosts of the flags. They count while the site names none for their pool; the log says when that changes. */
export class FlagHosts {
  readonly #given: readonly GivenHost[];
  readonly #log: Log;
  #isIgnored = false;

  constructor(given: readonly GivenHost[], log: Log) {
    this.#given = given;
    this.#log = log;
  }

  /** Those that count beside this site. */
  beside(site: Site | null): readonly GivenHost[] {
    const counting = countingStatics(this.#given, site);
    const isIgnored = counting.length < this.#given.length;
    if (isIgnored && !this.#isIgnored) this.#log('warn', 'the site names the hosts of the pool default: those of --host are ignored');
    if (!isIgnored && this.#isIgnored) this.#log('info', 'the site no longer names hosts of the pool default: those of --host count again');
    this.#isIgnored = isIgnored;
    return counting;
  }
}

/** The hosts of a site, and the names that stand for some. */
export function siteSourcesOf(site: Site | null): DiscoverySource[] {
  return site === null ? [] : site.pools.flatMap(({ name, hosts }) => hosts.map((host) => ({ pool: name, host })));
}

/** The hosts of flags, which are those of the pool `default`. */
export function sourcesOf(given: readonly GivenHost[]): DiscoverySource[] {
  return given.map(({ name, url, discovery }) => ({ pool: DEFAULT_POOL, host: { name, url, discovery: discovery ?? 'none', weight: 1 } }));
}
