// This balancer's own traffic, second by second: the figures that it shows when no master publishes any, and what it tells
// the master. What can't be sent soon is dropped from the message: it would be counted in the wrong minute.

import { type Clock, SECOND } from '../clock.js';
import type { BalancerFigures, FleetFigures, HostTraffic, OwnSlowRequest, PoolTraffic, SlowRequest, StoredView } from '../fleet-figures.js';
import { FleetTraffic } from '../fleet-traffic.js';
import { slowestOf } from '../slow-minute.js';
import { mergeSparse } from '../sparse-latency.js';
import type { NamedPool } from '../table/pool-indexes.js';
import type { SlotHost } from '../table/slots.js';
import { type CountedColumns, OwnTraffic, type TrafficSince } from './own-traffic.js';

/** Seconds of traffic that wait for a message at most; messages are at most 10 s apart. */
const MAX_WAITING = 15;

/** Ejections whose reasons are remembered; a table has fewer hosts. */
const MAX_REASONS = 20_000;

/** The dependencies of `LatencyWindows`. */
export interface LatencyWindowsOptions {
  readonly columns: CountedColumns;
  readonly balancer: string;
  /** Differs for every start of the process. */
  readonly instance: string;
  readonly clock: Clock;
  /** In ms since 1970. */
  readonly wallClock: () => number;
}

/** The figures of one balancer. */
export class LatencyWindows {
  readonly #options: LatencyWindowsOptions;
  readonly #traffic = new FleetTraffic();
  readonly #own: OwnTraffic;
  readonly #whyEjected = new Map<string, string>();
  #slowest: readonly SlowRequest[] = [];
  /** What the next message is made of. */
  #waiting: { readonly seconds: number; readonly since: TrafficSince }[] = [];
  #waitingSlowest: readonly SlowRequest[] = [];
  #tickAtMs: number;
  /** Above that of an earlier fleet thread of this process, which began earlier. */
  #seq: number;
  /** Whether the last message said nothing. */
  #isSilent = true;

  constructor(options: LatencyWindowsOptions) {
    this.#options = options;
    this.#own = new OwnTraffic(options.columns);
    this.#tickAtMs = options.clock();
    this.#seq = Math.round(options.wallClock());
  }

  /** Takes the slowest requests that the traffic thread has seen since it last sent some. */
  onSlowest(requests: readonly OwnSlowRequest[]): void {
    const { balancer } = this.#options;
    this.#slowest = slowestOf([...this.#slowest, ...requests.map((request) => Object.assign({ balancer }, request))]);
  }

  /** A host was ejected, or came back (null). */
  onEjection(host: string, reason: string | null): void {
    if (reason === null) this.#whyEjected.delete(host);
    else if (this.#whyEjected.size < MAX_REASONS) this.#whyEjected.set(host, reason);
  }

  /** Reads what happened; call once a second. */
  tick(pools: readonly NamedPool[], hosts: readonly SlotHost[]): void {
    const { balancer, instance, clock, wallClock } = this.#options;
    const nowMs = clock();
    // A thread that was held up has a longer second.
    const seconds = Math.max(0.001, (nowMs - this.#tickAtMs) / SECOND);
    this.#tickAtMs = nowMs;
    const since = this.#own.take(pools, hosts, (host) => this.#whyEjected.get(host));
    const slowest = this.#slowest;
    this.#slowest = [];
    this.#traffic.take({ balancer, instance, seq: ++this.#seq, seconds, ...since, slowest }, nowMs);
    this.#traffic.tick(nowMs, wallClock());
    this.#waiting.push({ seconds, since });
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    this.#waitingSlowest = slowestOf([...this.#waitingSlowest, ...slowest]);
  }

  /** The message that is due; undefined when there is nothing to say, and the last one said so. */
  takeMessage(): BalancerFigures | undefined {
    const { balancer, instance } = this.#options;
    const waiting = this.#waiting;
    const slowest = this.#waitingSlowest;
    this.#waiting = [];
    this.#waitingSlowest = [];
    const pools = mergedPools(waiting.map(({ since }) => since.pools));
    const hosts = mergedHosts(waiting.map(({ since }) => since.hosts));
    const isSilent = pools.length === 0 && hosts.length === 0 && slowest.length === 0;
    if (waiting.length === 0 || (isSilent && this.#isSilent)) return undefined;
    this.#isSilent = isSilent;
    const seconds = waiting.reduce((sum, each) => sum + each.seconds, 0);
    return { balancer, instance, seq: this.#seq, seconds, pools, hosts, slowest };
  }

  /** This balancer's own traffic as if it were the whole fleet's; term 0 marks it as nobody's. */
  figures(): FleetFigures {
    const { clock, wallClock } = this.#options;
    return this.#traffic.figures(clock(), { term: 0, mastership: '', atMs: wallClock() });
  }

  /** The same with its history. */
  view(): StoredView {
    return this.#traffic.stored(this.figures());
  }
}

/** The sum of several readings; what is in flight, and who is ejected, is as the last one says. */
function mergedPools(readings: readonly (readonly PoolTraffic[])[]): readonly PoolTraffic[] {
  const [only = [], ...others] = readings;
  if (others.length === 0) return only;
  const byName = new Map<string, PoolTraffic>();
  for (const [index, reading] of readings.entries()) {
    for (const pool of reading) {
      const before = byName.get(pool.name);
      byName.set(pool.name, {
        name: pool.name,
        requests: (before?.requests ?? 0) + pool.requests,
        errors: (before?.errors ?? 0) + pool.errors,
        inflight: index === readings.length - 1 ? pool.inflight : 0,
        latency: mergeSparse(before?.latency ?? [], pool.latency),
      });
    }
  }
  return [...byName.values()];
}

function mergedHosts(readings: readonly (readonly HostTraffic[])[]): readonly HostTraffic[] {
  const [only = [], ...others] = readings;
  if (others.length === 0) return only;
  const byName = new Map<string, HostTraffic>();
  for (const [index, reading] of readings.entries()) {
    for (const host of reading) {
      const before = byName.get(host.name);
      byName.set(host.name, {
        name: host.name,
        attempts: (before?.attempts ?? 0) + host.attempts,
        errors: (before?.errors ?? 0) + host.errors,
        latency: mergeSparse(before?.latency ?? [], host.latency),
        ...(index === readings.length - 1 && host.ejected !== undefined && { ejected: host.ejected }),
      });
    }
  }
  return [...byName.values()];
}
