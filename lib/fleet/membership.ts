// This balancer's membership in the fleet: a heartbeat each second, the order of succession, and the operators'
// settings. On the master it also removes balancers whose heartbeat stopped.

import { hostname } from 'node:os';
import { type Clock, SECOND } from '../clock.js';
import type { Commands } from '../redis/connect.js';
import type { FleetEvent } from '../redis/event-message.js';
import {
  type FleetStanding,
  HEARTBEAT_TTL_MS,
  heartbeat,
  leaveFleet,
  pruneBalancers,
  publishEvent,
  restoreFleet,
} from '../redis/fleet-store.js';
import { counterField } from '../redis/fleet-view.js';
import type { Keys } from '../redis/keys.js';
import type { RememberedHash } from '../redis/remembered.js';
import { readSettings } from '../redis/settings.js';
import type { MessageSigner } from '../redis/sign.js';
import { readCounters } from '../table/counters.js';
import { HEADER, type TableColumns } from '../table/layout.js';
import type { ThreadConfig } from '../thread-messages.js';
import { OwnName } from './own-name.js';
import { isDead, pidSpace } from '../pid-space.js';

/** A balancer that was listed this recently can't have been pruned: if its entry is gone, Redis lost it. */
const SURELY_LISTED_MS = HEARTBEAT_TTL_MS - SECOND;

/** Shortest interval over which rates are computed. */
const MIN_RATE_SECONDS = 0.5;

/** What the event says of a balancer that left in good order. */
export const LEFT_IN_ORDER = 'stopped';

/** What a balancer reports of itself. */
export interface HeartbeatFacts {
  readonly role: string;
  /** The highest term it has seen. */
  readonly term: number;
  /** Why it hears no master; '' while it hears one. */
  readonly noMaster: string;
  /** Its fleet keys, for people: their public ids. */
  readonly fleetKey: string;
  /** The version of the site in force: 0 for a file of its own, '' for none. */
  readonly site: number | '';
  /** Why it does not apply the site that stands in Redis; '' while it does. */
  readonly siteRefused: string;
  /** Time since a table last came, round trip of the last heartbeat, remaining lease: in ms, NaN where there is none. */
  readonly tableAgeMs: number;
  readonly redisRttMs: number;
  readonly leaseMs: number;
  /** The interval of load messages, in ms. */
  readonly exchangeMs: number;
  /** The operators' settings, as last read. */
  readonly remembered: readonly RememberedHash[];
}

/** Sends the heartbeats of one balancer. */
export class Membership {
  readonly #client: Commands;
  readonly #keys: Keys;
  readonly #config: ThreadConfig;
  readonly #columns: TableColumns;
  readonly #clock: Clock;
  readonly #signer: MessageSigner | undefined;
  readonly name = new OwnName();
  readonly #pidSpace = pidSpace();
  /** When the last heartbeat was sent after which this balancer was listed. */
  #listedAtMs = Number.NEGATIVE_INFINITY;
  /** Redis came back empty and must be restored. */
  #mustRestore = false;
  #lastRates: {
    readonly atMs: number;
    readonly requests: number;
    readonly cpuMicros: number;
    readonly rps: number;
    readonly cores: number;
  };

  constructor(client: Commands, keys: Keys, config: ThreadConfig, columns: TableColumns, clock: Clock, signer?: MessageSigner) {
    this.#client = client;
    this.#keys = keys;
    this.#config = config;
    this.#columns = columns;
    this.#clock = clock;
    this.#signer = signer;
    this.#lastRates = { atMs: clock(), requests: 0, cpuMicros: cpuMicros(), rps: 0, cores: 0 };
  }

  /**
   * Sends a heartbeat and returns the state of the fleet. Restores the term and the settings to a Redis that came back
   * empty. Rejects when Redis can't be reached.
   */
  async sendHeartbeat(standing: HeartbeatFacts): Promise<FleetStanding> {
    const { name, joinedAtMs } = this.#config;
    const atMs = this.#clock();
    const fields = this.#fields(standing);
    const beat = (deadInstance?: string): Promise<FleetStanding> =>
      heartbeat(this.#client, this.#keys, name, joinedAtMs, fields, standing.term, this.name.mayClaim(atMs), deadInstance);
    let fleet = await beat();
    // After `kill -9` and a new start on the same machine there is nothing to wait for.
    if (fleet.name.kind === 'held' && isDead(fleet.name.holder, this.#pidSpace)) fleet = await beat(fleet.name.holder.instance);
    this.name.take(fleet.name, this.#clock(), atMs);
    const isOurs = fleet.name.kind === 'ours';
    // The term alone is no proof of emptiness: a master may have restored it already.
    const isEmptied = fleet.term.term < standing.term || (isOurs && !fleet.wasListed && atMs - this.#listedAtMs < SURELY_LISTED_MS);
    if (fleet.isListed) this.#listedAtMs = atMs;
    this.#mustRestore ||= isEmptied;
    if (!this.#mustRestore) return fleet;
    await restoreFleet(this.#client, this.#keys, standing.term, standing.remembered);
    this.#mustRestore = false;
    return { ...fleet, settings: await readSettings(this.#client, this.#keys) };
  }

  /** Removes dead balancers from the succession and announces it; the master's duty. */
  async prune(order: readonly string[]): Promise<string[]> {
    const dead = await pruneBalancers(
      this.#client,
      this.#keys,
      order.filter((name) => name !== this.#config.name),
    );
    await Promise.all(dead.map((name) => this.announce({ kind: 'balancer-left', name, detail: 'its heartbeat stopped' })));
    return dead;
  }

  /** Leaves the fleet in good order. Whatever can't be written expires by itself. */
  async leave(): Promise<void> {
    if (this.name.state !== 'ours') return;
    await leaveFleet(this.#client, this.#keys, this.#config.name, this.#config.instance).catch(() => undefined);
    await this.announce({ kind: 'balancer-left', name: this.#config.name, detail: LEFT_IN_ORDER });
  }

  /** Publishes an event, best effort. */
  async announce(event: FleetEvent): Promise<void> {
    await publishEvent(this.#client, this.#keys, event, this.#signer).catch(() => undefined);
  }

  /** This balancer's place in the succession: the number of slaves that joined before it. */
  rankIn(standing: FleetStanding): number {
    const slaves = standing.order.filter((name) => name !== standing.master || name === this.#config.name);
    return Math.max(0, slaves.indexOf(this.#config.name));
  }

  #fields({ role, term, noMaster, fleetKey, site, siteRefused, ...times }: HeartbeatFacts): Record<string, string | number> {
    const { config, columns } = { config: this.#config, columns: this.#columns };
    const counts = readCounters(columns.counters);
    const { rps, cores } = this.#rates(counts.requests ?? 0);
    const fields: Record<string, string | number> = {
      role,
      term,
      no_master: noMaster,
      fleet_key: fleetKey,
      site,
      site_refused: siteRefused,
      url: config.url,
      pid: process.pid,
      pid_space: this.#pidSpace,
      machine: hostname(),
      version: config.version,
      since: new Date(config.joinedAtMs).toISOString(),
      instance: config.instance,
      rps: Number(rps.toFixed(1)),
      inflight: Atomics.load(columns.header, HEADER.inflight),
      cpu: Number(cores.toFixed(3)),
      memory_bytes: process.memoryUsage.rss(),
      table_age_ms: plainMs(times.tableAgeMs),
      redis_rtt_ms: plainMs(times.redisRttMs),
      lease_ms: plainMs(times.leaseMs),
      exchange_ms: plainMs(times.exchangeMs),
    };
    for (const [name, count] of Object.entries(counts)) fields[counterField(name)] = count;
    return fields;
  }

  /**
   * Requests per second and CPU in cores since the last heartbeat; an early heartbeat, sent on an operator's event,
   * repeats the previous figures.
   */
  #rates(requests: number): { readonly rps: number; readonly cores: number } {
    const [last, atMs] = [this.#lastRates, this.#clock()];
    const seconds = (atMs - last.atMs) / 1000;
    if (seconds < MIN_RATE_SECONDS) return last;
    const now = { atMs, requests, cpuMicros: cpuMicros() };
    this.#lastRates = {
      ...now,
      rps: Math.max(0, (now.requests - last.requests) / seconds),
      cores: (now.cpuMicros - last.cpuMicros) / 1e6 / seconds,
    };
    return this.#lastRates;
  }
}

/** A time for people; empty where there is none. */
function plainMs(ms: number): number | '' {
  return Number.isNaN(ms) ? '' : Number(ms.toFixed(1));
}

/** CPU time of the whole process, all threads, in microseconds. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
