// Resolves what a site names: all addresses of a name, or the targets of a service. Two questions for a name (A and
// AAAA), and for a service one more (SRV). Invariant: a result has at least one address; everything else is a failure.

import { type DnsServer, isDnsName } from '../config/values.js';
import { messageOf } from '../errors.js';
import { type Lookup, systemLookup } from '../health/host-addresses.js';
import { askDns, systemServers } from './dns-client.js';
import type { DnsAnswer } from './dns-message.js';

/** How long the system resolver's answer counts: it tells no TTL. */
const SYSTEM_TTL_MS = 5000;

/** Maximum targets of a service whose addresses are asked for, lowest priority first. */
const MAX_TARGETS = 64;

/** Where a host is found. */
export interface Found {
  readonly address: string;
  /** Of SRV records; null: as the site says. */
  readonly port: number | null;
  /** The name that this address was found under. */
  readonly name: string;
  /** Targets of a lower priority are for when those of the higher ones are all down; 0 is the first to use. */
  readonly priority: number;
  /** The share of one address among those of its priority; 0: none, unless all are 0. */
  readonly weight: number;
}

/** A question that was not answered, while others of the same look-up were: what was known of it stays. */
export interface Unanswered {
  readonly name: string;
  /** 4 or 6; null: both. */
  readonly family: 4 | 6 | null;
  readonly reason: string;
}

/** The result of a look-up: at least one. */
export interface LookupResult {
  readonly found: readonly Found[];
  readonly ttlMs: number;
  readonly unanswered: readonly Unanswered[];
}

/** Resolves names and services. Both reject with a reason for people, and neither takes longer than the DNS client's timeouts. */
export interface DnsLookup {
  /** All IPv4 and IPv6 addresses of a name. */
  addresses(name: string): Promise<LookupResult>;
  /** The targets of a service such as `_api._tcp.example.test`, with their addresses. */
  service(name: string): Promise<LookupResult>;
}

/**
 * Resolves by these servers; without any by those of this machine, and then also by its own resolver, for names that DNS
 * does not know: those of the hosts file, and short ones that need a search domain.
 */
export function dnsLookupBy(servers: readonly DnsServer[]): DnsLookup {
  return servers.length > 0 ? createDnsLookup(() => servers, null) : createDnsLookup(systemServers, systemLookup);
}

/**
 * Resolves by the servers of the moment.
 * @param system asked for addresses that DNS does not know; null: nobody is
 */
export function createDnsLookup(servers: () => readonly DnsServer[], system: Lookup | null): DnsLookup {
  async function addresses(name: string): Promise<LookupResult> {
    const asked = servers();
    const answers = await Promise.allSettled([askDns(asked, name, 'A'), askDns(asked, name, 'AAAA')]);
    const known = answers.flatMap((each) => (each.status === 'fulfilled' && each.value.addresses.length > 0 ? each.value : []));
    const found = known.flatMap((answer) => answer.addresses.filter(isUsable)).map((address) => foundAt(address, name));
    const unanswered = answers.flatMap((each, i) =>
      each.status === 'rejected' ? { name, family: i === 0 ? (4 as const) : (6 as const), reason: messageOf(each.reason) } : [],
    );
    if (found.length > 0) return { found, ttlMs: 1000 * Math.min(...known.map(({ ttlSeconds }) => ttlSeconds)), unanswered };
    const reason = unanswered[0]?.reason ?? nothingFor(name, answers);
    if (system === null) throw new Error(reason);
    try {
      const listed = (await system(name)).map(({ address }) => address).filter(isUsable);
      if (listed.length > 0) return { found: listed.map((address) => foundAt(address, name)), ttlMs: SYSTEM_TTL_MS, unanswered: [] };
    } catch {
      // What DNS said tells more.
    }
    throw new Error(reason);
  }

  async function service(name: string): Promise<LookupResult> {
    const { targets, ttlSeconds } = await askDns(servers(), name, 'SRV');
    const usable = targets
      .filter(({ target, port }) => isDnsName(target) && port > 0)
      .toSorted((one, other) => one.priority - other.priority || compare(one.target, other.target) || one.port - other.port)
      .slice(0, MAX_TARGETS);
    if (usable.length === 0) throw new Error(`${name} has no SRV records with a target`);
    const resolved = await Promise.allSettled(usable.map(({ target }) => addresses(target)));
    const found = resolved.flatMap((each, i) => {
      if (each.status === 'rejected') return [];
      const { target, port, priority, weight } = usable[i] as (typeof usable)[0];
      // The weight is the target's: its addresses share it.
      return each.value.found.map(({ address }) => ({ address, port, name: target, priority, weight: weight / each.value.found.length }));
    });
    const ttls = resolved.flatMap((each) => (each.status === 'fulfilled' ? each.value.ttlMs : []));
    const unanswered = resolved.flatMap((each, i): readonly Unanswered[] =>
      each.status === 'fulfilled'
        ? each.value.unanswered
        : [{ name: (usable[i] as (typeof usable)[0]).target, family: null, reason: messageOf(each.reason) }],
    );
    if (found.length === 0) throw new Error(unanswered[0]?.reason);
    return { found, ttlMs: Math.min(1000 * ttlSeconds, ...ttls), unanswered };
  }

  return { addresses, service };
}

const foundAt = (address: string, name: string): Found => ({ address, port: null, name, priority: 0, weight: 1 });

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function nothingFor(name: string, answers: readonly PromiseSettledResult<DnsAnswer>[]): string {
  const isMissing = answers.some((each) => each.status === 'fulfilled' && each.value.rcode !== 0);
  return isMissing ? `${name} does not exist` : `${name} has no addresses`;
}

/**
 * Not the unspecified address, which means this machine when connected to and which filters answer for names that they
 * block, and no multicast.
 */
function isUsable(address: string): boolean {
  return address.includes(':') ? address !== '::' && !/^ff/i.test(address) : !/^(?:0|22[4-9]|23\d|24\d|25[0-5])\./.test(address);
}
