// Periodic health checks: each host once per interval of its pool, spread over it, with bounded concurrency. The owner
// decides who is checked and what follows: the master, or a balancer without one. Other rules count from the next look on.

import type { Clock } from '../clock.js';
import { groupedBy } from '../grouped-by.js';
import { HostAddresses, type Lookup, systemLookup } from './host-addresses.js';
import { probeHost } from './probe-host.js';
import type { HealthByPool } from '../config/pool-rules.js';
import type { HostTls } from '../config/traffic-config.js';
import { poolOf } from '../host-id.js';

/** Maximum concurrent checks: thousands of dead hosts must not become thousands of sockets. */
const MAX_RUNNING = 64;

/** Number of steps over which the checks of an interval are spread. */
const SLICES = 10;
const MIN_SLICE_MS = 10;
const MAX_SLICE_MS = 100;

/** A host to check. */
export interface CheckedHost {
  /** Its id. */
  readonly name: string;
  readonly url: string;
  /** As of `StaticHost`. */
  readonly authority?: string | undefined;
}

/** The dependencies of the checks. */
export interface HostChecksOptions {
  /** The rules in force. */
  readonly rules: () => HealthByPool;
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

/** The checks of one interval that runs. */
interface Round {
  readonly startedAtMs: number;
  readonly hosts: readonly CheckedHost[];
  begun: number;
}

/** Starts the first interval at once; its first check comes a little later. */
export function startHostChecks({ rules, tls, clock, hosts, onChecked, lookup = systemLookup }: HostChecksOptions): HostChecks {
  let isStopped = false;
  /** By interval. */
  const rounds = new Map<number, Round>();
  /** By URL; undefined for a host that is given by IP address. */
  const addresses = new Map<string, HostAddresses | undefined>();
  let running = 0;
  const waiting: CheckedHost[] = [];
  /** Hosts that are queued or being checked: a check longer than the interval must not run twice at once. */
  const busy = new Set<string>();

  function look(): void {
    const nowMs = clock();
    for (const [intervalMs, round] of rounds) begin(round, intervalMs, nowMs);
    while (running < MAX_RUNNING && waiting.length > 0) void checkNext();
    startRounds(nowMs);
  }

  function begin(round: Round, intervalMs: number, nowMs: number): void {
    const due = dueChecks(round.hosts.length, nowMs - round.startedAtMs, intervalMs);
    for (; round.begun < due; round.begun++) {
      const host = round.hosts[round.begun] as CheckedHost;
      if (busy.has(host.name)) continue;
      busy.add(host.name);
      waiting.push(host);
    }
  }

  /** Starts the intervals that are due. Without hosts one begins anew right away, so that the next host need not wait. */
  function startRounds(nowMs: number): void {
    const { of, intervalsMs } = rules();
    for (const intervalMs of rounds.keys()) if (!intervalsMs.includes(intervalMs)) rounds.delete(intervalMs);
    const due = intervalsMs.filter((intervalMs) => {
      const round = rounds.get(intervalMs);
      return round === undefined || round.hosts.length === 0 || nowMs - round.startedAtMs >= intervalMs;
    });
    if (due.length === 0) return;
    const byInterval = groupedBy(hosts(), ({ name }) => of(poolOf(name)).healthIntervalMs);
    for (const intervalMs of due) rounds.set(intervalMs, { startedAtMs: nowMs, hosts: byInterval.get(intervalMs) ?? [], begun: 0 });
    const urls = new Set([...rounds.values()].flatMap((round) => round.hosts.map(({ url }) => url)));
    for (const url of addresses.keys()) if (!urls.has(url)) addresses.delete(url);
  }

  async function checkNext(): Promise<void> {
    const host = waiting.shift();
    if (host === undefined || isStopped) return;
    running++;
    if (!addresses.has(host.url)) addresses.set(host.url, HostAddresses.of(new URL(host.url), lookup, clock));
    const isGood = await probeHost(host.url, rules().of(poolOf(host.name)), tls, addresses.get(host.url), host.authority);
    running--;
    busy.delete(host.name);
    if (isStopped) return;
    onChecked(host, isGood);
    void checkNext();
  }

  function lookLater(): void {
    if (isStopped) return;
    const shortestMs = Math.min(...rules().intervalsMs);
    timer = setTimeout(
      () => {
        look();
        lookLater();
      },
      Math.min(Math.max(shortestMs / SLICES, MIN_SLICE_MS), MAX_SLICE_MS),
    );
  }

  let timer: NodeJS.Timeout;
  startRounds(clock());
  lookLater();
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

/** How many of `total` checks must have begun by now: the i-th is due in the middle of the i-th part of the interval. */
export function dueChecks(total: number, elapsedMs: number, intervalMs: number): number {
  return Math.min(total, Math.floor((elapsedMs / intervalMs) * total + 0.5));
}
