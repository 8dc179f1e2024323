// The hosts as the traffic thread knows them: by slot, each with its connections, the requests that wait for
// it, and what this balancer holds against it. Keeps the thread's own columns of the shared table.

import { messageOf } from '../../errors.js';
import { EarlyAnswers } from '../../learning/early-answers.js';
import {
  AVOID_BRIEFLY_MS,
  AVOID_MS,
  endEjection,
  evidenceOf,
  failingAfter,
  failingFaded,
  takeEvidence,
  type EjectionReason,
} from '../../routing/ejection.js';
import { isIdempotent, type OutcomeKind } from '../../routing/retry.js';
import { expectedCost } from '../../table/class-costs.js';
import { HEADER } from '../../table/layout.js';
import { beginRequest, clearRequests, endRequest, recordReportedCost } from '../../table/own-requests.js';
import type { SlotHost } from '../../table/slots.js';
import type { RequestHead } from '../wire/request-head.js';
import { Host } from './host.js';
import { HostConnection } from './host-connection.js';
import type { InFlight } from './in-flight.js';
import type { PoolOptions } from './pool-options.js';

/** A request that may not be sent again takes no connection that was idle for longer: the host may be closing it. */
const FRESH_CONNECTION_MS = 1000;

/** How often what is held against hosts fades and those that are ejected are looked at. */
const UPKEEP_MS = 250;

/** All hosts of one balancer. */
export class HostPool {
  readonly #options: PoolOptions;
  readonly #hosts: (Host | undefined)[] = [];
  /** The same hosts, in the order in which they came. */
  readonly #inOrder = new Set<Host>();
  readonly #early: EarlyAnswers;
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;
  #turn = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#early = new EarlyAnswers(options.columns, options.count);
    this.#timer = setInterval(() => this.#upkeep(), UPKEEP_MS);
  }

  /** The hosts that are in the table, in the order in which they came. */
  known(): SlotHost[] {
    return [...this.#inOrder].filter(({ isRemoved }) => !isRemoved).map(({ slot, name, target }) => ({ slot, name, url: target.origin }));
  }

  /** The slots of hosts that left the table, and on which requests are in flight: each is released with the last one. */
  leaving(): number[] {
    return [...this.#inOrder].filter(({ isRemoved }) => isRemoved).map(({ slot }) => slot);
  }

  /** The host of a slot; undefined when it has none. */
  get(slot: number): Host | undefined {
    return this.#hosts[slot];
  }

  add(added: SlotHost): void {
    const { columns, rules, tls, deadlines, clock, count, lookup, events } = this.#options;
    const { slot, name } = added;
    clearRequests(columns, slot);
    columns.avoidUntil[slot] = columns.ejectedUntil[slot] = columns.failing[slot] = 0;
    const host = new Host(added, {
      keepIdleMs: rules.hostKeepAliveTimeoutMs,
      maxHeadBytes: rules.maxResponseHeaderSize,
      queueLength: rules.hostQueue,
      connectTimeoutMs: rules.connectTimeoutMs,
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

  /** Ends what is in flight on a host, as if it had died: an operator took it out. */
  endAll(slot: number): void {
    const host = this.#hosts[slot];
    if (host === undefined) return;
    host.queue.sendAway();
    for (const attempt of [...host.attempts]) attempt.abort();
    host.closeIdle();
  }

  /** A class's id is another class's from now on. */
  forgetClass(id: number): void {
    this.#early.forgetClass(id);
  }

  /** Whether a host has room for one more request. */
  hasRoom(host: Host): boolean {
    return (this.#options.columns.inflight[host.slot] as number) < this.#options.rules.hostMaxInflight;
  }

  /** Whether it is known that a host should not be used: it is down, ejected, or has just refused a connection. */
  isOut(slot: number, nowMs: number): boolean {
    const { out, ejectedUntil, avoidUntil } = this.#options.columns;
    return out[slot] === 1 || (ejectedUntil[slot] as number) > nowMs || (avoidUntil[slot] as number) > nowMs;
  }

  /** Whether requests may go to a host: it has not left the table, no operator took it out, and it is not out itself; in a panic, that counts only where it has just refused. */
  isCandidate({ slot, isRemoved }: Host, nowMs: number): boolean {
    const { header, operator, avoidUntil } = this.#options.columns;
    if (isRemoved || operator[slot] !== 0) return false;
    return header[HEADER.panic] === 1 ? !((avoidUntil[slot] as number) > nowMs) : !this.isOut(slot, nowMs);
  }

  /** The share (0..1) of recent requests on a host that failed or were answered 5xx. */
  failing(slot: number): number {
    return this.#options.columns.failing[slot] as number;
  }

  /** How many candidates are well: they come first in the list. */
  get wellCount(): number {
    return this.#options.columns.header[HEADER.well] as number;
  }

  /** Where the next search among the candidates begins: searches begin with each in turn. */
  nextTurn(): number {
    this.#turn = (this.#turn + 1) % this.#options.columns.slots;
    return this.#turn;
  }

  /** One more request in flight on this host. */
  begin(host: Host, attempt: InFlight): void {
    const { columns } = this.#options;
    const { header } = columns;
    this.#early.letGo(attempt.startedAtMs);
    beginRequest(columns, host.slot, attempt.cost, attempt.startedAtMs);
    header[HEADER.inflight] = (header[HEADER.inflight] as number) + 1;
    attempt.place = host.attempts.push(attempt) - 1;
  }

  /** That request has ended so: exactly once for each `begin`. */
  end(host: Host, attempt: InFlight, outcome: OutcomeKind, status: number): void {
    const { columns, clock } = this.#options;
    const { header } = columns;
    const nowMs = clock();
    endRequest(columns, host.slot, attempt.cost, attempt.startedAtMs, nowMs);
    header[HEADER.inflight] = (header[HEADER.inflight] as number) - 1;
    const last = host.attempts.pop();
    if (last !== undefined && last !== attempt) {
      host.attempts[attempt.place] = last;
      last.place = attempt.place;
    }
    if (outcome === 'ok') this.#record(host, attempt, status, nowMs);
    this.#judge(host, outcome, status);
    host.queue.letIn();
    if (host.isRemoved) this.#releaseIfIdle(host);
  }

  /** What was served, for the load messages: only answers that tell of the host's work do. */
  #record(host: Host, attempt: InFlight, status: number, nowMs: number): void {
    const { columns } = this.#options;
    const { served } = columns;
    const { slot } = host;
    served[slot] = (served[slot] as number) + 1;
    if (status >= 500 || status === 101) return;
    const { classId } = attempt;
    // What it is known to cost now: costs may have been told anew since it was sent, in another measure.
    this.#early.record(host, classId, expectedCost(columns, classId), attempt.bodyBytes, attempt.startedAtMs, nowMs);
    if (attempt.saidCpuMs >= 0) recordReportedCost(columns, classId, attempt.saidCpuMs);
  }

  /** A connection for one request: the one that was idle last, else a new one. */
  take(host: Host, head: RequestHead, nowMs: number): HostConnection {
    const mayBeStale = head.framing === 'none' && head.upgrade === undefined && isIdempotent(head.method);
    for (let connection = host.idle.pop(); connection !== undefined; connection = host.idle.pop()) {
      if (!connection.isIdle || !connection.socket.writable) continue;
      const idleMs = nowMs - connection.idleSinceMs;
      // After a pause of the process, before its deadline is looked at: the host has most likely closed it.
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

  /** A new connection. */
  connect(host: Host): HostConnection {
    return new HostConnection(host.connect, host);
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

  /** What this balancer's own requests say of a host. */
  #judge(host: Host, outcome: OutcomeKind, status: number): void {
    const { columns, clock, count, rules } = this.#options;
    const evidence = evidenceOf(outcome, status);
    const share = columns.failing[host.slot] as number;
    // The usual case: a good answer of a host that nothing is held against.
    if (evidence === null || (evidence === 'good' && share === 0 && host.ejection.failures === 0)) return;
    if (evidence === '5xx') count('hosts_answered_5xx');
    columns.failing[host.slot] = failingAfter(share, evidence);
    const nowMs = clock();
    if (evidence === 'connect_failed') columns.avoidUntil[host.slot] = nowMs + AVOID_MS;
    if (takeEvidence(host.ejection, evidence, nowMs, rules)) this.#eject(host, evidence as EjectionReason, nowMs);
  }

  #eject(host: Host, reason: EjectionReason, nowMs: number): void {
    const { columns, count, events } = this.#options;
    count(`ejections_${reason}`);
    // Until a probe says that it is well, whenever that is.
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
    this.#early.letGo(nowMs);
    this.#early.turn(nowMs);
    for (const host of this.#hosts) {
      if (host === undefined) continue;
      const share = columns.failing[host.slot] as number;
      if (share > 0) columns.failing[host.slot] = failingFaded(share, UPKEEP_MS);
      // Those that wait for a host that was taken out look for another one.
      if (this.isCandidate(host, nowMs)) host.queue.forgetGone();
      else host.queue.sendAway();
      host.addresses?.refresh(nowMs);
      if (host.ejection.untilMs !== 0 && nowMs >= host.probeAtMs && !host.isProbing) void this.#probe(host);
    }
  }

  /** Asks a host whose ejection's time is over whether it is well. */
  async #probe(host: Host): Promise<void> {
    const { columns, clock, count, rules, tls, probe, events } = this.#options;
    host.isProbing = true;
    const isWell = await probe(host.target.origin, rules, tls, host.addresses);
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
