// The hosts of the traffic thread, by slot: each with its connections, its queue of waiting requests, and the failures
// that this balancer has seen. Maintains the thread's own columns of the shared table.

import { hostOrigin } from '../../health/host-address.js';
import { messageOf } from '../../errors.js';
import {
  AVOID_BRIEFLY_MS,
  AVOID_MS,
  endEjection,
  evidenceOf,
  failingAfter,
  failingFaded,
  isGrpcFailure,
  takeEvidence,
  type EjectionReason,
} from '../../routing/ejection.js';
import { isIdempotent, type OutcomeKind } from '../../routing/retry.js';
import { expectedCost } from '../../table/class-costs.js';
import { HEADER, NO_POOL, POOL_HEADER, POOL_HEADER_CELLS } from '../../table/layout.js';
import { clearRequests, recordReportedCost, recordServed } from '../../table/own-requests.js';
import type { SlotHost } from '../../table/slots.js';
import { clearHostTraffic, recordAttempt, recordHostError, recordHostLatency, setQueued } from '../../table/traffic-cells.js';
import type { RequestHead } from '../wire/request-head.js';
import { Host } from './host.js';
import { HostConnection } from './host-connection.js';
import type { HostSide } from './host-side.js';
import type { InFlight } from './in-flight.js';
import type { HostRules, KnownHostsOptions } from './known-hosts-options.js';
import { Turns } from './turns.js';

/** A request that can't be sent twice uses no connection that was idle for longer than this: the host may be closing it. */
const FRESH_CONNECTION_MS = 1000;

/** Interval at which failure shares decay and ejected hosts are probed if due. */
const UPKEEP_MS = 250;

/** All hosts of one balancer. */
export class KnownHosts {
  readonly #options: KnownHostsOptions;
  readonly #hosts: (Host | undefined)[] = [];
  /** The same hosts, in order of arrival. */
  readonly #inOrder = new Set<Host>();
  /** Whose turn each request is. */
  readonly turns: Turns;
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;
  #turn = 0;
  /** The rules of pools that have none. */
  readonly #usualRules: HostRules;
  /** The rules of the site's pools, by index. */
  #rules: readonly HostRules[] = [];

  constructor(options: KnownHostsOptions) {
    this.#options = options;
    this.#usualRules = { isHttp2: false, ...options.rules };
    this.turns = new Turns(options.columns);
    this.#timer = setInterval(() => this.#upkeep(), UPKEEP_MS);
  }

  /** The hosts that are in the table, in order of arrival. */
  known(): SlotHost[] {
    return [...this.#inOrder]
      .filter(({ isRemoved }) => !isRemoved)
      .map(({ slot, name, target }) => ({ slot, name, url: hostOrigin(target) }));
  }

  /** The slots of hosts that left the table but still have requests in flight: each is released with its last request. */
  leaving(): number[] {
    return [...this.#inOrder].filter(({ isRemoved }) => isRemoved).map(({ slot }) => slot);
  }

  /** The host of a slot; undefined when it has none. */
  get(slot: number): Host | undefined {
    return this.#hosts[slot];
  }

  add(added: SlotHost): void {
    const { columns, hashes, rules, tls, deadlines, clock, count, lookup, events } = this.#options;
    const { slot, name } = added;
    hashes.set(slot, name);
    const ofPool = this.#rulesOf(slot);
    clearRequests(columns, slot);
    clearHostTraffic(columns, slot);
    columns.avoidUntil[slot] = columns.ejectedUntil[slot] = columns.failing[slot] = 0;
    const host = new Host(added, {
      keepIdleMs: rules.hostKeepAliveTimeoutMs,
      maxHeadBytes: rules.maxResponseHeaderSize,
      maxStreams: rules.hostMaxStreams,
      isHttp2: ofPool.isHttp2,
      queueLength: ofPool.hostQueue,
      connectTimeoutMs: ofPool.connectTimeoutMs,
      tls,
      deadlines,
      clock,
      count,
      lookup,
      addressEvents: {
        onChange: (addresses) => events.onAddresses(name, addresses),
        onFailure: (error, isFirst) => {
          if (isFirst) events.onLookupFailed(name, messageOf(error));
        },
      },
    });
    this.#hosts[slot] = host;
    this.#inOrder.add(host);
    columns.known[slot] = 1;
  }

  remove(slot: number): void {
    const host = this.#hosts[slot];
    if (host === undefined) return;
    host.isRemoved = true;
    host.close();
    host.queue.sendAway();
    this.#releaseIfIdle(host);
  }

  /** Aborts all requests in flight on a host, as if it had died: an operator ejected it. */
  endAll(slot: number): void {
    const host = this.#hosts[slot];
    if (host === undefined) return;
    host.queue.sendAway();
    for (const attempt of [...host.attempts]) attempt.abort();
    host.closeIdle();
  }

  /** The index of a host's pool; `NO_POOL` if it is in none. */
  poolOf(slot: number): number {
    return this.#options.columns.pool[slot] as number;
  }

  /** Replaces the rules of the site's pools, by index; a pool without any has those of the flags. */
  setRules(rules: readonly HostRules[]): void {
    this.#rules = rules;
    for (const host of this.#inOrder) host.follow(this.#rulesOf(host.slot));
  }

  #rulesOf(slot: number): HostRules {
    return this.#rules[this.#options.columns.pool[slot] as number] ?? this.#usualRules;
  }

  /** Whether a host has room for one more request. */
  hasRoom(host: Host): boolean {
    return (this.#options.columns.inflight[host.slot] as number) < this.#rulesOf(host.slot).hostMaxInflight;
  }

  /** Whether a host is out: down, ejected, or avoided because it has just refused a connection. */
  isOut(slot: number, nowMs: number): boolean {
    const { out, ejectedUntil, avoidUntil } = this.#options.columns;
    return out[slot] === 1 || (ejectedUntil[slot] as number) > nowMs || (avoidUntil[slot] as number) > nowMs;
  }

  /** Whether requests may go to a host: it is in the table, not ejected by an operator, and not out. In a panic, "out" counts only if it has just refused a connection. */
  isCandidate({ slot, isRemoved }: Host, nowMs: number): boolean {
    const { poolHeader, pool, operator, avoidUntil } = this.#options.columns;
    const index = pool[slot] as number;
    if (isRemoved || operator[slot] !== 0 || index === NO_POOL) return false;
    return poolHeader[index * POOL_HEADER_CELLS + POOL_HEADER.panic] === 1
      ? !((avoidUntil[slot] as number) > nowMs)
      : !this.isOut(slot, nowMs);
  }

  /** The share (0..1) of recent requests on a host that failed or were answered 5xx. */
  failing(slot: number): number {
    return this.#options.columns.failing[slot] as number;
  }

  /** Start of the next search among the candidates: searches start round-robin. */
  nextTurn(): number {
    this.#turn = (this.#turn + 1) % this.#options.columns.slots;
    return this.#turn;
  }

  /** Counts one more request in flight on this host. */
  begin(host: Host, attempt: InFlight): void {
    const { columns } = this.#options;
    const { header } = columns;
    this.turns.begin(attempt, host.slot);
    recordAttempt(columns, host.slot);
    header[HEADER.inflight] = (header[HEADER.inflight] as number) + 1;
    attempt.place = host.attempts.push(attempt) - 1;
  }

  /** Counts the end of a request and its outcome: exactly once for each `begin`. Returns the time. */
  end(host: Host, attempt: InFlight, outcome: OutcomeKind, status: number): number {
    const { columns, clock } = this.#options;
    const { header } = columns;
    const nowMs = clock();
    this.turns.end(attempt, host.slot, nowMs);
    header[HEADER.inflight] = (header[HEADER.inflight] as number) - 1;
    const last = host.attempts.pop();
    if (last !== undefined && last !== attempt) {
      host.attempts[attempt.place] = last;
      last.place = attempt.place;
    }
    if (outcome === 'ok') this.#record(host, attempt, status, nowMs);
    this.#judge(host, outcome, status, attempt.grpcStatus);
    host.queue.letIn();
    if (host.isRemoved) this.#releaseIfIdle(host);
    return nowMs;
  }

  /** Records what was served, for the load messages. Errors and long-lived requests say nothing about the cost of a request. */
  #record(host: Host, attempt: InFlight, status: number, nowMs: number): void {
    const { columns } = this.#options;
    const { served } = columns;
    const { slot } = host;
    served[slot] = (served[slot] as number) + 1;
    if (!attempt.isProvenLong) recordHostLatency(columns, slot, attempt.hostMs);
    if (status >= 500 || isGrpcFailure(attempt.grpcStatus) || !this.turns.isEvidence(attempt, nowMs)) return;
    const { classId, hostMs } = attempt;
    // The cost as known now: since the request was sent, costs may have been updated on another scale.
    recordServed(columns, slot, classId, expectedCost(columns, classId), hostMs);
    if (attempt.saidCpuMs >= 0) recordReportedCost(columns, classId, attempt.saidCpuMs);
  }

  /** A connection for one request: the one that became idle last, else a new one. */
  take(host: Host, head: RequestHead, nowMs: number): HostSide {
    const mayBeStale = head.framing === 'none' && head.upgrade === undefined && isIdempotent(head.method);
    if (host.http2 !== undefined) return host.http2.take(mayBeStale, nowMs);
    for (let connection = host.idle.pop(); connection !== undefined; connection = host.idle.pop()) {
      if (!connection.isIdle || !connection.socket.writable) continue;
      const idleMs = nowMs - connection.idleSinceMs;
      // Its deadline passed while the process was paused and was not handled yet: the host has most likely closed it.
      if (idleMs > connection.keepIdleMs) {
        connection.destroy();
        continue;
      }
      if (mayBeStale || idleMs <= FRESH_CONNECTION_MS) return connection;
      host.idle.push(connection);
      break;
    }
    return this.connect(host);
  }

  /** A new connection; over HTTP/2, a stream on one that has just answered. */
  connect(host: Host): HostSide {
    return host.http2?.connect(this.#options.clock()) ?? new HostConnection(host.connect, host);
  }

  /** Closes all connections. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const host of this.#hosts) {
      host?.queue.sendAway();
      host?.close();
    }
  }

  /** Updates a host's failure share and ejection from the outcome of a request. */
  #judge(host: Host, outcome: OutcomeKind, status: number, grpcStatus: number): void {
    const { columns, clock, count } = this.#options;
    const evidence = evidenceOf(outcome, status, grpcStatus);
    const share = columns.failing[host.slot] as number;
    // The usual case: a good answer from a host without failures.
    if (evidence === null || (evidence === 'good' && share === 0 && host.ejection.failures === 0)) return;
    if (evidence !== 'good') recordHostError(columns, host.slot);
    if (evidence === '5xx') count('hosts_answered_5xx');
    else if (evidence === 'grpc_status') count('hosts_answered_grpc_failure');
    columns.failing[host.slot] = failingAfter(share, evidence);
    const nowMs = clock();
    if (evidence === 'connect_failed') columns.avoidUntil[host.slot] = nowMs + AVOID_MS;
    if (takeEvidence(host.ejection, evidence, nowMs, this.#rulesOf(host.slot))) this.#eject(host, evidence as EjectionReason, nowMs);
  }

  #eject(host: Host, reason: EjectionReason, nowMs: number): void {
    const { columns, count, events } = this.#options;
    count(`ejections_${reason}`);
    // Until a probe succeeds, however long that takes.
    columns.ejectedUntil[host.slot] = Number.POSITIVE_INFINITY;
    columns.avoidUntil[host.slot] = Math.max(columns.avoidUntil[host.slot] as number, nowMs + AVOID_BRIEFLY_MS);
    host.probeAtMs = host.ejection.untilMs;
    host.queue.sendAway();
    host.closeIdle();
    events.onVerdict();
    events.onEjection(host.name, 'ejected', reason === 'connect_failed' && host.lastError !== '' ? host.lastError : reason);
  }

  #upkeep(): void {
    const { columns, clock } = this.#options;
    const nowMs = clock();
    for (const host of this.#hosts) {
      if (host === undefined) continue;
      const share = columns.failing[host.slot] as number;
      if (share > 0) columns.failing[host.slot] = failingFaded(share, UPKEEP_MS);
      // Requests that wait for a host that is out pick another one.
      if (this.isCandidate(host, nowMs)) host.queue.forgetGone();
      else host.queue.sendAway();
      host.addresses?.refresh(nowMs);
      this.turns.moveLongOnes(host.attempts, host.slot, nowMs);
      setQueued(columns, host.slot, host.queue.waiting);
      if (host.ejection.untilMs !== 0 && nowMs >= host.probeAtMs && !host.isProbing) void this.#probe(host);
    }
  }

  /** Probes a host whose ejection time is over. */
  async #probe(host: Host): Promise<void> {
    const { columns, clock, count, tls, probe, events } = this.#options;
    const rules = this.#rulesOf(host.slot);
    host.isProbing = true;
    const isWell = await probe(hostOrigin(host.target), rules, tls, host.addresses);
    host.isProbing = false;
    host.probeAtMs = clock() + rules.healthIntervalMs;
    if (!isWell || host.isRemoved || this.#isClosed) return;
    endEjection(host.ejection, clock());
    count('ejections_ended');
    columns.ejectedUntil[host.slot] = columns.avoidUntil[host.slot] = columns.failing[host.slot] = 0;
    events.onVerdict();
    events.onEjection(host.name, 'back', 'a probe found it well');
  }

  #releaseIfIdle(host: Host): void {
    if (this.#options.columns.inflight[host.slot] !== 0 || this.#hosts[host.slot] !== host) return;
    host.closeIdle();
    this.#hosts[host.slot] = undefined;
    this.#inOrder.delete(host);
    this.#options.columns.known[host.slot] = 0;
    this.#options.events.onReleased(host.slot);
  }
}
