// What discovery knows: the hosts behind the DNS names of a site, when each name is due, and what becomes of an answer.
// Does no I/O and has no clock. Invariant: a failure never changes the hosts, and hosts come in one order whatever the order
// of an answer, so that all balancers name the same.

import { isIP } from 'node:net';
import { hostIdOf } from '../host-id.js';
import { originOf } from '../host-origin.js';
import type { SiteHost } from '../site-model.js';
import type { Found, LookupResult } from './dns-lookup.js';

/** Names are resolved again at their TTL, but not sooner and not later than this. */
const MIN_TTL_MS = 1000;
const MAX_TTL_MS = 60_000;

/** Maximum hosts of one name; of a longer answer the first ones by priority and address. */
export const MAX_FOUND = 256;

/** A host of a site or of a flag, and its pool; what is to be resolved has the discovery `dns` or `srv`. */
export interface DiscoverySource {
  readonly pool: string;
  readonly host: SiteHost;
}

/** A host that was found. */
export interface DiscoveredHost {
  /** The id in its pool: the source's name and the address, with dashes for colons; for `srv` with the port too. */
  readonly name: string;
  /** An origin with the address. */
  readonly url: string;
  /** The DNS name and port: what TLS verifies and health checks name as Host. */
  readonly authority: string;
  /** 1 is usual; by the source's weight and, for `srv`, the target's share. */
  readonly weight: number;
}

/** What came of an answer, for counters and the log. */
export interface AnswerNews {
  /** The name works again after failures. */
  readonly isBack: boolean;
  /** Why a part of it is as old as before, said for the first time since all of it worked; empty otherwise. */
  readonly reason: string;
  /** How many hosts were too many, and whether there were fewer the last time. */
  readonly dropped: number;
  readonly isOverfull: boolean;
}

interface State {
  readonly source: DiscoverySource;
  /** The last answer, sorted; empty before the first. */
  found: readonly Found[];
  ttlMs: number;
  dueAtMs: number;
  isAsked: boolean;
  isFailing: boolean;
  dropped: number;
}

/** The names of one balancer. */
export class Discovery {
  #states = new Map<string, State>();

  /** Replaces the names: what is known of those that stay is kept; new ones are due at once. */
  setSources(sources: readonly DiscoverySource[], nowMs: number): void {
    const before = this.#states;
    this.#states = new Map(
      sources.map((source) => {
        const key = keyOf(source);
        const known = before.get(key);
        return [key, known ?? { source, found: [], ttlMs: MIN_TTL_MS, dueAtMs: nowMs, isAsked: false, isFailing: false, dropped: 0 }];
      }),
    );
  }

  /** The names to resolve now, at most `max`, those first that have waited longest. They count as asked until they are answered. */
  takeDue(nowMs: number, max: number): DiscoverySource[] {
    const due = [...this.#states.values()]
      .filter(({ isAsked, dueAtMs }) => !isAsked && dueAtMs <= nowMs)
      .toSorted((one, other) => one.dueAtMs - other.dueAtMs)
      .slice(0, max);
    for (const state of due) state.isAsked = true;
    return due.map(({ source }) => source);
  }

  /** When the next name is due; Infinity: none. */
  get nextDueAtMs(): number {
    let atMs = Number.POSITIVE_INFINITY;
    for (const { isAsked, dueAtMs } of this.#states.values()) if (!isAsked) atMs = Math.min(atMs, dueAtMs);
    return atMs;
  }

  /** Whether hosts that go down or come back can change which are used. */
  get hasPriorities(): boolean {
    return [...this.#states.values()].some(({ found }) => found.at(-1)?.priority !== found[0]?.priority);
  }

  /** Whether every name was answered once, or failed. */
  get isComplete(): boolean {
    return [...this.#states.values()].every(({ found, isFailing }) => found.length > 0 || isFailing);
  }

  /** Takes the answer for a name; undefined if it is not wanted any more. */
  onAnswer(source: DiscoverySource, { found, ttlMs, unanswered }: LookupResult, nowMs: number): AnswerNews | undefined {
    const state = this.#states.get(keyOf(source));
    if (state === undefined) return undefined;
    const wasFailing = state.isFailing;
    const kept = state.found.filter(({ name, address }) =>
      unanswered.some((each) => each.name === name && (each.family === null || each.family === isIP(address))),
    );
    const sorted = uniqueSorted([...found, ...kept]);
    state.found = sorted.slice(0, MAX_FOUND);
    state.ttlMs = Math.min(Math.max(ttlMs, MIN_TTL_MS), MAX_TTL_MS);
    state.dueAtMs = nowMs + state.ttlMs;
    state.isAsked = false;
    state.isFailing = unanswered.length > 0;
    const before = state.dropped;
    state.dropped = sorted.length - state.found.length;
    return {
      isBack: wasFailing && !state.isFailing,
      reason: wasFailing ? '' : (unanswered[0]?.reason ?? ''),
      dropped: state.dropped,
      isOverfull: state.dropped > before,
    };
  }

  /**
   * Notes that a name could not be resolved, or has no addresses: its hosts stay, since a resolver that knows nothing is more
   * likely than a service without hosts. Retried after the last TTL, without an answer yet after the shortest. Returns whether
   * it is the first failure since it worked; undefined if the name is not wanted any more.
   */
  onFailure(source: DiscoverySource, nowMs: number): boolean | undefined {
    const state = this.#states.get(keyOf(source));
    if (state === undefined) return undefined;
    const isFirst = !state.isFailing;
    state.isFailing = true;
    state.isAsked = false;
    state.dueAtMs = nowMs + state.ttlMs;
    return isFirst;
  }

  /**
   * All hosts. Of a service those of the lowest priority; while all of them are down, also those of the next one, and so on
   * (RFC 2782). The ones that are down stay, so that they are checked and come back.
   */
  hosts(isDown: (id: string) => boolean): DiscoveredHost[] {
    const hosts = new Map<string, DiscoveredHost>();
    for (const { source, found } of this.#states.values()) {
      let isEnough = false;
      for (const group of groupsOf(found)) {
        if (isEnough) break;
        for (const host of group.map((each) => hostOf(source, each, group))) {
          if (!hosts.has(host.name)) hosts.set(host.name, host);
          isEnough ||= !isDown(host.name);
        }
      }
    }
    return [...hosts.values()];
  }
}

const keyOf = ({ pool, host }: DiscoverySource): string => JSON.stringify([pool, host.name, host.url, host.discovery, host.weight]);

/** By priority, then address and port; the first of two with one address and port. */
function uniqueSorted(found: readonly Found[]): Found[] {
  const byPlace = new Map<string, Found>();
  const order = (one: Found, other: Found): number =>
    one.priority - other.priority ||
    compare(one.address, other.address) ||
    (one.port ?? 0) - (other.port ?? 0) ||
    compare(one.name, other.name);
  for (const each of found.toSorted(order)) {
    const place = `${each.address} ${each.port}`;
    if (!byPlace.has(place)) byPlace.set(place, each);
  }
  return [...byPlace.values()];
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

function groupsOf(found: readonly Found[]): Found[][] {
  const groups: Found[][] = [];
  for (const each of found) {
    if (groups.at(-1)?.[0]?.priority === each.priority) groups.at(-1)?.push(each);
    else groups.push([each]);
  }
  return groups;
}

function hostOf({ pool, host }: DiscoverySource, { address, port, name, weight }: Found, group: readonly Found[]): DiscoveredHost {
  const { protocol, port: ownPort } = new URL(host.url);
  const isIPv6 = address.includes(':');
  const portText = port === null ? (ownPort === '' ? '' : `:${ownPort}`) : `:${port}`;
  const bareName = `${host.name}-${address.replaceAll(':', '-')}${port === null ? '' : `-${port}`}`;
  const mean = group.reduce((sum, each) => sum + each.weight, 0) / group.length;
  return {
    name: hostIdOf(pool, bareName),
    url: originOf(`${protocol}//${isIPv6 ? `[${address}]` : address}${portText}`) as string,
    authority: new URL(originOf(`${protocol}//${name}${portText}`) as string).host,
    weight: boundedWeight(host.weight * (mean > 0 ? weight / mean : 1)),
  };
}

/** The bounds of a host's weight in a site; a target of weight 0 gets a very small share (RFC 2782). */
function boundedWeight(weight: number): number {
  return Math.min(Math.max(weight, 0.001), 1000);
}
