// Periodic health checks: each host once per interval, spread over it, with bounded concurrency. The owner decides who
// is checked and what follows: the master, or a balancer without one.

import type { Clock } from '../clock.js';
import { HostAddresses, type Lookup, systemLookup } from './host-addresses.js';
import { probeHost } from './probe-host.js';
import type { HealthRules, HostTls } from '../config/traffic-config.js';

/** Maximum concurrent checks: thousands of dead hosts must not become thousands of sockets. */
const MAX_RUNNING = 64;

/** Number of steps over which the checks of an interval are spread. */
const SLICES = 10;
const MIN_SLICE_MS = 10;
const MAX_SLICE_MS = 100;

/** A host to check. */
export interface CheckedHost {
  readonly name: string;
  readonly url: string;
  /** As of `StaticHost`. */
  readonly authority?: string | undefined;
}

/** The dependencies of the checks. */
export interface HostChecksOptions {
  readonly rules: HealthRules;
  readonly tls: HostTls;
  readonly clock: Clock;
  /** Resolves the hosts' names; the system resolver by default. */
  readonly lookup?: Lookup;
  /** The hosts to check in the interval that begins. */
  readonly hosts: () => readonly CheckedHost[];
  readonly onChecked: (host: CheckedHost, isGood: boolean) => void;
}

/** Running checks. */
export interface HostChecks {
  /** Stops the checks; `onChecked` is no longer called. */
  stop(): void;
}

/** Starts the first interval at once; its first check comes a little later. */
export function startHostChecks({ rules, tls, clock, hosts, onChecked, lookup = systemLookup }: HostChecksOptions): HostChecks {
  const { healthIntervalMs } = rules;
  let isStopped = false;
  let startedAtMs = clock();
  let round = hosts();
  /** By URL; undefined for a host that is given by IP address. */
  const addresses = new Map<string, HostAddresses | undefined>();
  let begun = 0;
  let running = 0;
  const waiting: CheckedHost[] = [];
  /** Hosts that are queued or being checked: a check longer than the interval must not run twice at once. */
  const busy = new Set<string>();

  function look(): void {
    const due = dueChecks(round.length, clock() - startedAtMs, healthIntervalMs);
    for (; begun < due; begun++) {
      const host = round[begun] as CheckedHost;
      if (busy.has(host.name)) continue;
      busy.add(host.name);
      waiting.push(host);
    }
    while (running < MAX_RUNNING && waiting.length > 0) void checkNext();
    // With no hosts, start a new interval right away, so that the next host need not wait.
    if (round.length > 0 && clock() - startedAtMs < healthIntervalMs) return;
    startedAtMs = clock();
    round = hosts();
    begun = 0;
    const urls = new Set(round.map(({ url }) => url));
    for (const url of addresses.keys()) if (!urls.has(url)) addresses.delete(url);
  }

  async function checkNext(): Promise<void> {
    const host = waiting.shift();
    if (host === undefined || isStopped) return;
    running++;
    if (!addresses.has(host.url)) addresses.set(host.url, HostAddresses.of(new URL(host.url), lookup, clock));
    const isGood = await probeHost(host.url, rules, tls, addresses.get(host.url), host.authority);
    running--;
    busy.delete(host.name);
    if (isStopped) return;
    onChecked(host, isGood);
    void checkNext();
  }

  const timer = setInterval(look, Math.min(Math.max(healthIntervalMs / SLICES, MIN_SLICE_MS), MAX_SLICE_MS));
  return {
    stop() {
      isStopped = true;
      clearInterval(timer);
    },
  };
}

/** How many of `total` checks must have begun by now: the i-th is due in the middle of the i-th part of the interval. */
export function dueChecks(total: number, elapsedMs: number, intervalMs: number): number {
  return Math.min(total, Math.floor((elapsedMs / intervalMs) * total + 0.5));
}
