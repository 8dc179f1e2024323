// Checks hosts again and again: each once an interval, spread over it, and a bounded number at a time. Who is
// checked and what follows from it is its owner's: the master, or a balancer without one.

import type { Clock } from '../clock.js';
import { HostAddresses, type Lookup, systemLookup } from './host-addresses.js';
import { probeHost } from './probe-host.js';
import type { HealthRules, HostTls } from '../config/traffic-config.js';

/** Checks that may run at once: thousands of dead hosts must not become thousands of sockets. */
const MAX_RUNNING = 64;

/** How finely the checks are spread over an interval. */
const SLICES = 10;
const MIN_SLICE_MS = 10;
const MAX_SLICE_MS = 100;

/** A host to be checked. */
export interface CheckedHost {
  readonly name: string;
  readonly url: string;
}

/** What the checks are handed. */
export interface HostChecksOptions {
  readonly rules: HealthRules;
  readonly tls: HostTls;
  readonly clock: Clock;
  /** Finds the addresses of hosts that have names; asks the system unless told. */
  readonly lookup?: Lookup;
  /** Who is to be checked in the interval that begins. */
  readonly hosts: () => readonly CheckedHost[];
  readonly onChecked: (host: CheckedHost, isGood: boolean) => void;
}

/** Checks that go on. */
export interface HostChecks {
  /** Ends them; `onChecked` is not called any more. */
  stop(): void;
}

/** Starts an interval at once; its first check comes a while after. */
export function startHostChecks({ rules, tls, clock, hosts, onChecked, lookup = systemLookup }: HostChecksOptions): HostChecks {
  const { healthIntervalMs } = rules;
  let isStopped = false;
  let startedAtMs = clock();
  let round = hosts();
  /** By URL; undefined for a host that is known by its address. */
  const addresses = new Map<string, HostAddresses | undefined>();
  let begun = 0;
  let running = 0;
  const waiting: CheckedHost[] = [];
  /** Names of hosts that wait or are being checked: one that takes longer than an interval is not checked twice at once. */
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
    // Nobody to be checked: whoever comes next need not wait for the interval's end.
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
    const isGood = await probeHost(host.url, rules, tls, addresses.get(host.url));
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

/** How many of so many checks must have begun by now: the i-th in the middle of the i-th part of the interval. */
export function dueChecks(total: number, elapsedMs: number, intervalMs: number): number {
  return Math.min(total, Math.floor((elapsedMs / intervalMs) * total + 0.5));
}
