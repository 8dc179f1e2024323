// Keeps the hosts behind DNS names up to date: looks up what is due, a few names at a time, and says when the hosts change.
// Never in a request's way, and independent of Redis.

import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Log } from '../log.js';
import type { Count } from '../table/counters.js';
import { type DiscoveredHost, Discovery, type DiscoverySource, MAX_FOUND } from './discovery.js';
import type { DnsLookup } from './dns-lookup.js';

/** Maximum look-ups at a time: a site of 1,000 names must not become thousands of sockets. */
const MAX_RUNNING = 16;

/** The dependencies of the discovery. */
export interface DiscovererOptions {
  readonly lookup: DnsLookup;
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
  /** Whether a host does not answer, as far as is known. */
  readonly isDown: (id: string) => boolean;
  /** The hosts have changed; in one order, whoever resolves. */
  readonly onHosts: (hosts: readonly DiscoveredHost[]) => void;
}

/** Running discovery. */
export interface Discoverer {
  /** The names to resolve from now on. Hosts of names that are gone are dropped at once. */
  setSources(sources: readonly DiscoverySource[]): void;
  /** Whether every name was resolved once, or could not be. */
  readonly isComplete: boolean;
  /** Call a few times a second: hosts may have gone down or come back, which counts for services with priorities. */
  review(): void;
  /** Nothing is said any more; look-ups that run end by their timeouts. */
  stop(): void;
}

/** Starts without any names. */
export function startDiscoverer({ lookup, clock, count, log, isDown, onHosts }: DiscovererOptions): Discoverer {
  const discovery = new Discovery();
  let timer: NodeJS.Timeout | undefined;
  let running = 0;
  let isStopped = false;
  let said = '[]';

  function announce(): void {
    if (isStopped) return;
    const hosts = discovery.hosts(isDown);
    const text = JSON.stringify(hosts);
    if (text === said) return;
    said = text;
    onHosts(hosts);
  }

  function next(): void {
    clearTimeout(timer);
    if (isStopped) return;
    for (const source of discovery.takeDue(clock(), MAX_RUNNING - running)) void resolve(source);
    const atMs = discovery.nextDueAtMs;
    // With all places taken, the next answer calls this.
    if (running < MAX_RUNNING && atMs !== Number.POSITIVE_INFINITY) timer = setTimeout(next, Math.max(0, Math.ceil(atMs - clock())));
  }

  async function resolve(source: DiscoverySource): Promise<void> {
    running++;
    const { hostname } = new URL(source.host.url);
    const { name, discovery: kind } = source.host;
    try {
      const result = await (kind === 'srv' ? lookup.service(hostname) : lookup.addresses(hostname));
      if (isStopped) return;
      const news = discovery.onAnswer(source, result, clock());
      if (result.unanswered.length > 0) count('dns_lookups_failed');
      if (news !== undefined && news.reason !== '')
        log('warn', 'a part of a DNS name could not be resolved: what was known stays', { host: name, dns: hostname, reason: news.reason });
      if (news?.isBack === true) log('info', 'a DNS name is resolved again', { host: name, dns: hostname });
      if (news !== undefined && news.dropped > 0) {
        count('dns_addresses_dropped', news.dropped);
        if (news.isOverfull)
          log('warn', `a DNS name has too many addresses: ${MAX_FOUND} are used`, { host: name, dns: hostname, dropped: news.dropped });
      }
    } catch (error) {
      if (isStopped) return;
      count('dns_lookups_failed');
      const isFirst = discovery.onFailure(source, clock());
      if (isFirst === true)
        log('warn', 'a DNS name could not be resolved: its hosts stay as they are', {
          host: name,
          dns: hostname,
          reason: messageOf(error),
        });
    } finally {
      running--;
      announce();
      next();
    }
  }

  return {
    setSources(sources) {
      discovery.setSources(sources, clock());
      announce();
      next();
    },
    get isComplete() {
      return discovery.isComplete;
    },
    review() {
      if (discovery.hasPriorities) announce();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
