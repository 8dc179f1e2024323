// The hosts as the traffic thread knows them: by slot, each with its keep-alive connections. Also keeps
// the thread's own columns of the shared table: requests in flight, requests served, and what this
// balancer holds against a host.

import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Clock } from '../clock.js';
import { avoidForMs, type OutcomeKind } from '../routing/retry.js';
import { HEADER, type TableColumns } from '../table/layout.js';
import type { SlotHost } from '../table/writer.js';

/** Idle connections kept to each host. */
const MAX_IDLE_CONNECTIONS = 256;

/** An idle connection is closed by us before most hosts would (Node's own servers: 5 s), so that requests do not meet a closing one. */
const IDLE_TIMEOUT_MS = 4000;

/** One host that requests can be sent to. */
export interface Host {
  readonly slot: number;
  readonly name: string;
  readonly target: URL;
  readonly isTls: boolean;
  /** What `http.request` needs of the host, worked out once. */
  readonly connection: { readonly host: string; readonly port: number; readonly agent: HttpAgent };
  /** Connects that failed in a row. */
  failures: number;
  /** True once the host left the table: it ends with its last request. */
  isRemoved: boolean;
}

/** Tells the fleet thread what it can't see in the shared table. */
export interface PoolEvents {
  /** What this balancer holds against a host changed. */
  onVerdict(): void;
  /** Nothing uses the slot any more. */
  onReleased(slot: number): void;
}

/** All hosts of one balancer. */
export class HostPool {
  readonly #columns: TableColumns;
  readonly #clock: Clock;
  readonly #events: PoolEvents;
  readonly #hosts: (Host | undefined)[] = [];

  constructor(columns: TableColumns, clock: Clock, events: PoolEvents) {
    this.#columns = columns;
    this.#clock = clock;
    this.#events = events;
  }

  /** The first slot that was never used: where a new fleet thread goes on. */
  get nextSlot(): number {
    return this.#hosts.length;
  }

  /** The hosts that are in the table. */
  known(): SlotHost[] {
    return this.#hosts.flatMap((host) => (host && !host.isRemoved ? [{ slot: host.slot, name: host.name, url: host.target.origin }] : []));
  }

  /** The host of a slot; undefined while the message that brings it is on its way. */
  get(slot: number): Host | undefined {
    return this.#hosts[slot];
  }

  add({ slot, name, url }: SlotHost): void {
    const target = new URL(url);
    const isTls = target.protocol === 'https:';
    const options = { keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS, scheduling: 'lifo' as const, timeout: IDLE_TIMEOUT_MS };
    const agent = isTls ? new HttpsAgent(options) : new HttpAgent(options);
    const port = target.port === '' ? (isTls ? 443 : 80) : Number(target.port);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    this.#columns.inflight[slot] = 0;
    this.#columns.served[slot] = 0;
    this.#columns.avoidUntil[slot] = 0;
    this.#hosts[slot] = { slot, name, target, isTls, connection: { host, port, agent }, failures: 0, isRemoved: false };
  }

  remove(slot: number): void {
    const host = this.#hosts[slot];
    if (host === undefined) return;
    host.isRemoved = true;
    this.#releaseIfIdle(host);
  }

  /** One more request in flight on this host. */
  begin(host: Host): void {
    const { inflight, header } = this.#columns;
    inflight[host.slot] = (inflight[host.slot] as number) + 1;
    header[HEADER.inflight] = (header[HEADER.inflight] as number) + 1;
  }

  /** That request has ended so: exactly once for each `begin`. */
  end(host: Host, outcome: OutcomeKind): void {
    const { inflight, served, header } = this.#columns;
    inflight[host.slot] = (inflight[host.slot] as number) - 1;
    header[HEADER.inflight] = (header[HEADER.inflight] as number) - 1;
    if (outcome === 'ok') served[host.slot] = (served[host.slot] as number) + 1;
    this.#judge(host, outcome);
    if (host.isRemoved) this.#releaseIfIdle(host);
  }

  /** Ends all requests in flight on a host, after an operator ejected it. */
  endAll(_slot: number): void {}

  /** Closes all connections. */
  close(): void {
    for (const host of this.#hosts) host?.connection.agent.destroy();
  }

  /** A host that refuses connections is left alone for a while; any answer clears it. */
  #judge(host: Host, outcome: OutcomeKind): void {
    if (outcome === 'client-gone') return;
    if (outcome !== 'connect-failed') {
      if (host.failures === 0) return;
      host.failures = 0;
      this.#columns.avoidUntil[host.slot] = 0;
      this.#events.onVerdict();
      return;
    }
    const nowMs = this.#clock();
    // Requests that failed together are one failure.
    if ((this.#columns.avoidUntil[host.slot] as number) > nowMs) return;
    host.failures++;
    this.#columns.avoidUntil[host.slot] = nowMs + avoidForMs(host.failures);
    this.#events.onVerdict();
  }

  #releaseIfIdle(host: Host): void {
    if (this.#columns.inflight[host.slot] !== 0) return;
    host.connection.agent.destroy();
    this.#hosts[host.slot] = undefined;
    this.#events.onReleased(host.slot);
  }
}
