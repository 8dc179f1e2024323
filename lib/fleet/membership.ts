// This balancer's place in the fleet: a heartbeat each second, the order of succession, and what an
// operator set for all. On the master it also removes those who fell silent.

import { hostname } from 'node:os';
import { type Clock, SECOND } from '../clock.js';
import type { OperatorWord } from '../model.js';
import type { Commands } from '../redis/connect.js';
import type { FleetEvent } from '../redis/event-message.js';
import { clearHeartbeat, type FleetStanding, HEARTBEAT_TTL_MS, heartbeat, leaveFleet, pruneBalancers, publishEvent, restoreFleet } from '../redis/fleet-store.js';
import { counterField } from '../redis/fleet-view.js';
import type { Keys } from '../redis/keys.js';
import { readSettings } from '../redis/settings.js';
import { readCounters } from '../table/counters.js';
import { HEADER, type TableColumns } from '../table/layout.js';
import type { ThreadConfig } from '../thread-messages.js';

/** Whose last heartbeat was taken so lately cannot have been taken for dead: if its place is gone, Redis lost it. */
const SURELY_LISTED_MS = HEARTBEAT_TTL_MS - SECOND;

/** What a balancer says of itself now. */
export interface Standing {
  readonly role: string;
  /** The highest term that it has seen. */
  readonly term: number;
  /** Why it hears no master; '' while it hears one. */
  readonly noMaster: string;
  /** What it knows that an operator said of hosts. */
  readonly words: ReadonlyMap<string, OperatorWord>;
}

/** Heartbeats of one balancer. */
export class Membership {
  readonly #client: Commands;
  readonly #keys: Keys;
  readonly #config: ThreadConfig;
  readonly #columns: TableColumns;
  readonly #clock: Clock;
  #hasBeaten = false;
  #hasAsked = false;
  #hasNamesake = false;
  /** When the last heartbeat was sent that Redis took. */
  #takenAtMs = Number.NEGATIVE_INFINITY;
  /** Redis came back empty, and was not yet told again what it must know. */
  #mustRestore = false;
  #lastBeat: { atMs: number; requests: number; cpuMicros: number };

  constructor(client: Commands, keys: Keys, config: ThreadConfig, columns: TableColumns, clock: Clock) {
    this.#client = client;
    this.#keys = keys;
    this.#config = config;
    this.#columns = columns;
    this.#clock = clock;
    this.#lastBeat = { atMs: clock(), requests: 0, cpuMicros: cpuMicros() };
  }

  /**
   * Says that this balancer lives, and reads how the fleet stands. A Redis that came back empty is told again
   * what all must go by. Rejects when Redis can't be reached.
   */
  async beat(standing: Standing): Promise<FleetStanding> {
    if (!this.#hasBeaten) await clearHeartbeat(this.#client, this.#keys, this.#config.name);
    this.#hasBeaten = true;
    const { name, joinedAtMs } = this.#config;
    const atMs = this.#clock();
    const fleet = await heartbeat(this.#client, this.#keys, name, joinedAtMs, this.#fields(standing), standing.term);
    // The term alone would not tell: a master can have written it again before this.
    const isEmptied = fleet.term.term < standing.term || (!fleet.wasListed && atMs - this.#takenAtMs < SURELY_LISTED_MS);
    this.#takenAtMs = atMs;
    this.#mustRestore ||= isEmptied;
    if (!this.#mustRestore) return fleet;
    await restoreFleet(this.#client, this.#keys, standing.term, standing.words);
    this.#mustRestore = false;
    return { ...fleet, settings: await readSettings(this.#client, this.#keys) };
  }

  /**
   * Whether a heartbeat shows for the first time that another process uses this balancer's name: they overwrite each
   * other's. To be asked after each.
   */
  hasNewNamesake({ previousInstance }: FleetStanding): boolean {
    const isNamesake = this.#hasAsked && previousInstance !== null && previousInstance !== this.#config.instance;
    // Before the first heartbeat it may be a process that ended.
    this.#hasAsked = true;
    const isNew = isNamesake && !this.#hasNamesake;
    this.#hasNamesake ||= isNamesake;
    return isNew;
  }

  /** The master's duty: takes dead balancers out of the succession and tells the fleet. */
  async prune(order: readonly string[]): Promise<string[]> {
    const dead = await pruneBalancers(this.#client, this.#keys, order.filter((name) => name !== this.#config.name));
    await Promise.all(dead.map((name) => this.tell({ kind: 'balancer-left', name, detail: 'its heartbeat stopped' })));
    return dead;
  }

  /** Takes this balancer out of the fleet, in good order. What Redis can't be told runs out by itself. */
  async leave(): Promise<void> {
    await leaveFleet(this.#client, this.#keys, this.#config.name).catch(() => undefined);
    await this.tell({ kind: 'balancer-left', name: this.#config.name, detail: 'stopped' });
  }

  /** Publishes an event; one that can't be published is let go. */
  async tell(event: FleetEvent): Promise<void> {
    await publishEvent(this.#client, this.#keys, event).catch(() => undefined);
  }

  /** Where in the succession this balancer stands: how many slaves joined before it. */
  rankIn(standing: FleetStanding): number {
    const slaves = standing.order.filter((name) => name !== standing.master || name === this.#config.name);
    return Math.max(0, slaves.indexOf(this.#config.name));
  }

  #fields({ role, term, noMaster }: Standing): Record<string, string | number> {
    const { config, columns } = { config: this.#config, columns: this.#columns };
    const counts = readCounters(columns.counters);
    const atMs = this.#clock();
    const beat = { atMs, requests: counts.requests ?? 0, cpuMicros: cpuMicros() };
    const seconds = Math.max((atMs - this.#lastBeat.atMs) / 1000, 0.001);
    const rps = (beat.requests - this.#lastBeat.requests) / seconds;
    const cores = (beat.cpuMicros - this.#lastBeat.cpuMicros) / 1e6 / seconds;
    this.#lastBeat = beat;
    const fields: Record<string, string | number> = {
      role,
      term,
      no_master: noMaster,
      url: config.url,
      pid: process.pid,
      machine: hostname(),
      version: config.version,
      since: new Date(config.joinedAtMs).toISOString(),
      instance: config.instance,
      rps: Number(Math.max(0, rps).toFixed(1)),
      inflight: Atomics.load(columns.header, HEADER.inflight),
      cpu: Number(cores.toFixed(3)),
      memory_bytes: process.memoryUsage.rss(),
    };
    for (const [name, count] of Object.entries(counts)) fields[counterField(name)] = count;
    return fields;
  }
}

/** CPU time of the whole process, all threads, in microseconds. */
function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
