// One attempt to have one host answer one request: takes a connection, sends the request, passes the answer on, both
// streamed with backpressure. Replaces a stale connection by a new one if that is safe. It ends exactly once, whatever
// happens, and none of its calls throws: a bug of ours is reported to its owner.

import { formatDuration } from '../../config/config.js';
import { maySendAgain, type OutcomeKind } from '../../routing/retry.js';
import type { CounterName } from '../../table/counters.js';
import type { BodyReader, ClientListener, ClientSide } from '../client/client-side.js';
import { AS_IT_CAME, type ForwardPlan } from '../wire/forward-plan.js';
import { NO_GRPC_STATUS } from '../wire/grpc.js';
import { passedTrailers } from '../wire/headers.js';
import type { ConnectionUser, Loss } from '../host/connection-user.js';
import type { Host } from '../host/host.js';
import type { HostSide } from '../host/host-side.js';
import type { ResponseHead } from '../wire/response-head.js';
import type { AttemptContext } from './attempt-context.js';
import { codeOf } from './failure-code.js';
import { GrpcAnswer } from './grpc-answer.js';
import type { GrpcCall } from './grpc-call.js';
import type { KeptBody } from './kept-body.js';
import type { HostPreference } from './pool-affinity.js';
import { whyBadSwitch } from '../wire/answer-reasons.js';
import { openTunnel, type Tunnel } from './tunnel.js';

/** The creator of an attempt; exactly one of these is called, once. */
export interface AttemptOwner {
  /** @param status of the answer that was passed on; 0 without one */
  onAttemptEnd(kind: OutcomeKind, status: number): void;
  /** A bug of ours ended it. */
  onAttemptFault(error: unknown): void;
}

/** What counts a loss; one that is no failure of the host is not counted. */
const COUNTERS_OF_LOSSES: Readonly<Record<Loss, CounterName | undefined>> = {
  'connect-failed': 'hosts_connect_failed',
  reset: 'hosts_reset',
  stale: 'hosts_reset',
  'bad-response': 'hosts_bad_response',
  goaway: 'hosts_reset',
  'goaway-unused': 'hosts_reset',
  refused: 'hosts_reset',
  unsupported: undefined,
};

/** What an attempt ends with after a loss. */
const OUTCOMES: Readonly<Record<Loss, OutcomeKind>> = {
  'connect-failed': 'connect-failed',
  reset: 'reset',
  stale: 'reset',
  'bad-response': 'bad-response',
  goaway: 'unprocessed',
  'goaway-unused': 'unprocessed',
  refused: 'unprocessed',
  unsupported: 'unsupported',
};

/** One attempt. */
export class Attempt implements ConnectionUser, ClientListener, BodyReader {
  readonly host: Host;
  /** Its index in the host's list of attempts. */
  place = -1;
  readonly owner: AttemptOwner;
  /** The request's class, and its expected cost (ms of CPU). */
  readonly classId: number;
  readonly cost: number;
  /** When it began, by the process's clock. */
  readonly startedAtMs: number;
  /** For the access log: when the connection was established, and when the answer's first byte arrived (process's clock); NaN before. */
  connectedAtMs = Number.NaN;
  firstByteAtMs = Number.NaN;
  /** For KnownHosts: since when it is the host's turn, and how long its turns before were. */
  awaitedSinceMs = Number.NaN;
  hostMs = 0;
  isLongLived = false;
  isProvenLong = false;
  /** The CPU time (ms) of the request, as reported in the host's answer; NaN without a report, or if it was not read: reports are sampled. */
  saidCpuMs = Number.NaN;
  /** The call of gRPC that the request is; undefined: it is none. */
  call: GrpcCall | undefined;
  /** What was read of the request's body, for hosts that may refuse it unprocessed; undefined: it is not kept. */
  kept: KeptBody | undefined;
  /** Of the request's affinity: says which cookie the answer sets; undefined: none. */
  preference: HostPreference | undefined;
  /** The header lines that the host gets for this attempt alone: the request's id and its trace; set before `run`. */
  ownLines = '';
  /** Why the host failed, in a few words; empty while it has not. */
  reason = '';
  readonly #context: AttemptContext;
  readonly #client: ClientSide;
  readonly #plan: ForwardPlan;
  #connection: HostSide | undefined;
  #isSettled = false;
  #isRequestSent = false;
  /** The system refused the request's first bytes: the host has seen none of it. */
  #isUndelivered = false;
  #isSentAgain = false;
  #status = 0;
  /** Whether the head was passed on with a body to follow at once, and none has come. */
  #isBodyAwaited = false;
  /** Whether the heads of the answer allow the connection to be reused. */
  #isKept = true;
  #tunnel: Tunnel | undefined;
  /** The answer, if it is gRPC's. */
  #grpcAnswer: GrpcAnswer | undefined;

  /** @param plan what the request's route changes */
  constructor(
    context: AttemptContext,
    client: ClientSide,
    host: Host,
    classId: number,
    cost: number,
    startedAtMs: number,
    owner: AttemptOwner,
    plan: ForwardPlan = AS_IT_CAME,
  ) {
    this.#context = context;
    this.#client = client;
    this.host = host;
    this.classId = classId;
    this.cost = cost;
    this.startedAtMs = startedAtMs;
    this.owner = owner;
    this.#plan = plan;
  }

  /** The status of gRPC with which the call ended; negative: none. */
  get grpcStatus(): number {
    return this.#grpcAnswer?.status ?? NO_GRPC_STATUS;
  }

  /** Begins. */
  run(): void {
    const { hosts } = this.#context;
    const client = this.#client;
    if (client.isGone) {
      this.#end('client-gone');
      return;
    }
    try {
      client.listener = this;
      this.#use(hosts.take(this.host, client.head, this.startedAtMs));
    } catch (error) {
      this.onFault(error);
    }
  }

  #use(connection: HostSide): void {
    const { clock, timeouts } = this.#context;
    this.#connection = connection;
    connection.use(this, this.#client.head);
    // The attempt has just begun: saves reading the clock again.
    if (connection.isConnected) this.#sendRequest(this.startedAtMs);
    else this.#wait(clock() + timeouts.connectTimeoutMs);
  }

  /** Ends the attempt as if the host had died: an operator ejected it. */
  abort(): void {
    if (this.#tunnel !== undefined) this.#tunnel.close();
    else if (this.#connection !== undefined) this.onHostLost('reset', 'an operator ejected the host');
  }

  onFault(error: unknown): void {
    if (this.#isSettled) {
      this.#context.count('internal_errors');
      return;
    }
    this.#isSettled = true;
    this.#client.listener = undefined;
    if (this.#tunnel === undefined) this.#connection?.release(false);
    this.owner.onAttemptFault(error);
  }

  // The host's connection.

  onConnected(): void {
    this.#sendRequest(this.#context.clock());
  }

  #sendRequest(nowMs: number): void {
    const { pseudonym } = this.#context;
    const connection = this.#connection as HostSide;
    const { head, facts } = this.#client;
    this.connectedAtMs = nowMs;
    connection.sendHead(facts, { authority: this.host.authority, pseudonym, plan: this.#plan, ownLines: this.ownLines });
    // A refused write: the connection's end follows at once.
    if (connection.hasRefusedWrite) this.#isUndelivered = true;
    else if (head.framing === 'none') {
      this.#isRequestSent = true;
      this.#awaitAnswer(nowMs);
    } else {
      connection.expectBody();
      if (this.call !== undefined) this.#wait(Number.POSITIVE_INFINITY);
      this.#sendBody();
      // Part of the body is still to come, and the host takes it as it comes.
      if (!this.#isRequestSent && !connection.isFull) this.#toClient(nowMs);
    }
  }

  /** Sends the body: first what was read for an earlier attempt. */
  #sendBody(): void {
    const connection = this.#connection as HostSide;
    const { parts = [], trailers } = this.kept ?? {};
    for (const part of parts) connection.sendBody(part);
    if (trailers === undefined) this.#client.readBody(this);
    else this.#endBody(trailers);
  }

  onHostWritable(): void {
    if (this.#isSettled) return;
    if (!this.#isRequestSent) {
      this.#wait(Number.POSITIVE_INFINITY);
      this.#toClient(this.#context.clock());
    }
    this.#client.resumeBody();
  }

  onBodyRefused(): void {
    if (this.#isSettled) return;
    this.#client.stopBody();
    // Nothing more of the request will be sent. The connection is not reused, since part of the body is still pending.
    this.#isRequestSent = true;
    this.#awaitAnswer();
  }

  onHostLost(loss: Loss, reason: string): void {
    const { count } = this.#context;
    if ((loss === 'stale' || loss === 'goaway' || loss === 'goaway-unused') && this.#sendAgain(loss)) return;
    this.reason = loss === 'stale' ? `a kept connection was closed: ${reason}` : reason;
    const counter = COUNTERS_OF_LOSSES[loss];
    if (counter !== undefined) count(counter);
    this.#fail(OUTCOMES[loss]);
  }

  /**
   * The host had already closed a kept connection, or ends it without having processed the request, which is not a
   * failure: sends the request on another one, if that is safe (for GOAWAY: gRFC A6, transparent retries). Once, but
   * after a connection that processed other requests again until the connect timeout has passed since the attempt began:
   * many requests may have waited for the few that each of the host's connections takes.
   */
  #sendAgain(loss: 'stale' | 'goaway' | 'goaway-unused'): boolean {
    const client = this.#client;
    const { method, framing } = client.head;
    // An empty chunked body may have been taken too: its end can't be read twice.
    const isBodyTaken = this.kept?.isComplete !== true && (client.isBodyTaken || (framing !== 'none' && this.#isRequestSent));
    const isUndelivered = this.#isUndelivered || loss !== 'stale';
    if (this.#isSettled || this.host.isRemoved || !maySendAgain(method, isBodyTaken, isUndelivered)) return false;
    const { hosts, count, clock, timeouts } = this.#context;
    const nowMs = clock();
    if (this.#isSentAgain && (loss !== 'goaway' || nowMs - this.startedAtMs >= timeouts.connectTimeoutMs)) return false;
    count(loss === 'stale' ? 'retries_stale_connection' : 'retries_unprocessed');
    this.#isSentAgain = true;
    this.#isUndelivered = this.#isRequestSent = false;
    // Until the head is out on the new connection.
    client.stopBody();
    hosts.turns.toHost(this, this.host.slot, nowMs);
    this.#use(loss === 'stale' ? hosts.connect(this.host) : hosts.take(this.host, client.head, nowMs));
    return true;
  }

  onHostDeadline(): void {
    if (this.call !== undefined && this.#context.clock() >= this.call.deadlineMs) {
      this.reason = 'the deadline of the call has passed (grpc-timeout)';
      this.#context.count('timeouts_deadline');
      this.#fail('deadline');
      return;
    }
    const isConnected = this.#connection?.isConnected === true;
    const { connectTimeoutMs, responseTimeoutMs } = this.#context.timeouts;
    this.reason = !isConnected
      ? `no connection within ${formatDuration(connectTimeoutMs)} (--connect-timeout)`
      : `no byte ${this.#isRequestSent ? 'sent' : 'taken'} for ${formatDuration(responseTimeoutMs)} (--response-timeout)`;
    this.#context.count(isConnected ? 'timeouts_response' : 'timeouts_connect');
    this.#fail(isConnected ? 'timeout' : 'connect-failed');
  }

  // The answer.

  onInformational(said: ResponseHead): void {
    if (this.#isSettled) return;
    this.#noteFirstByte();
    const head = this.#context.loads.take(this, said);
    const client = this.#client;
    if (head.status === 101) {
      this.#onSwitch(head);
      return;
    }
    this.#isKept &&= head.isKeptAlive;
    if (!this.#isSettled && client.head.version !== '1.0') client.sendInformational(head);
    this.#awaitAnswer();
  }

  onPause(): void {
    if (this.#status === 0) return;
    this.#client.flush();
    if (this.#isBodyAwaited) this.#awaitAnswer();
    this.#isBodyAwaited = false;
  }

  onHead(head: ResponseHead, isBodyHere: boolean): void {
    if (this.#isSettled) return;
    const connection = this.#connection as HostSide;
    this.#noteFirstByte();
    this.#status = head.status;
    this.kept?.drop();
    this.#isKept &&= head.isKeptAlive && connection.mayKeepAfter(this.#isRequestSent);
    connection.noteKeepAlive(head.keepAliveSeconds);
    if (head.isStream) this.#becomeLongLived();
    if (this.call !== undefined) this.#grpcAnswer = GrpcAnswer.of(head);
    const setCookie = this.preference?.setCookie(this.host.slot);
    this.#client.sendHead(this.#context.loads.take(this, head), isBodyHere, this.#plan.response, setCookie);
    if (!isBodyHere) this.#awaitAnswer();
    this.#isBodyAwaited = isBodyHere;
  }

  onBody(bytes: Buffer, isLast: boolean): void {
    if (this.#isSettled) return;
    const connection = this.#connection as HostSide;
    this.#isBodyAwaited = false;
    // How long a stream takes says nothing about the host.
    if (this.#grpcAnswer?.provesStream(bytes) === true) this.#becomeLongLived();
    const hasRoom = this.#client.sendBody(bytes, isLast);
    if (isLast) return;
    if (hasRoom) {
      this.#awaitAnswer();
      return;
    }
    // The client must catch up. Meanwhile the host has no deadline.
    this.#wait(Number.POSITIVE_INFINITY);
    connection.pause();
    this.#toClient(this.#context.clock());
  }

  onEnd(trailers: readonly string[]): void {
    if (this.#isSettled) return;
    this.#grpcAnswer?.onEnd(trailers);
    const { response: edit } = this.#plan;
    const passed = passedTrailers(this.#context.loads.takeTrailers(this, trailers));
    this.#client.endAnswer(edit === undefined ? passed : edit.drop(passed));
    this.#end('ok', this.#isKept);
  }

  // The client.

  onClientGone(): void {
    this.#end('client-gone');
  }

  onClientWritable(): void {
    const connection = this.#connection;
    if (this.#isSettled || connection === undefined) return;
    connection.resume();
    this.#awaitAnswer();
  }

  onBodyData(bytes: Buffer): boolean {
    if (this.#isSettled) return true;
    const connection = this.#connection as HostSide;
    try {
      this.kept?.add(bytes);
      const hasRoom = connection.sendBody(bytes);
      if (hasRoom) return true;
      const nowMs = this.#context.clock();
      this.#wait(nowMs + this.#context.timeouts.responseTimeoutMs);
      this.#toHost(nowMs);
      return false;
    } catch (error) {
      this.onFault(error);
      return true;
    }
  }

  onBodyEnd(trailers: readonly string[]): void {
    if (this.#isSettled) return;
    try {
      this.kept?.end(trailers);
      this.#endBody(trailers);
    } catch (error) {
      this.onFault(error);
    }
  }

  #endBody(trailers: readonly string[]): void {
    const { request: edit } = this.#plan;
    (this.#connection as HostSide).endBody(edit === undefined ? trailers : edit.drop(trailers));
    this.#isRequestSent = true;
    this.#awaitAnswer();
  }

  /** The host's turn: restarts the response timeout for the next byte of the answer, once the request is sent and while the client reads. */
  #awaitAnswer(nowMs = this.#context.clock()): void {
    const connection = this.#connection as HostSide;
    if (!this.#isRequestSent || this.#isSettled || connection.isPaused) return;
    this.#wait(nowMs + this.#context.timeouts.responseTimeoutMs);
    this.#toHost(nowMs);
  }

  /** Waits for the host until then, and never beyond the deadline of the call. */
  #wait(deadlineMs: number): void {
    (this.#connection as HostSide).deadlineMs = this.call === undefined ? deadlineMs : Math.min(deadlineMs, this.call.deadlineMs);
  }

  #toHost(nowMs: number): void {
    if (!this.#isSettled) this.#context.hosts.turns.toHost(this, this.host.slot, nowMs);
  }

  #toClient(nowMs: number): void {
    if (!this.#isSettled) this.#context.hosts.turns.toClient(this, this.host.slot, nowMs);
  }

  #becomeLongLived(): void {
    if (!this.#isSettled) this.#context.hosts.turns.becomeLongLived(this, this.host.slot, this.#context.clock());
  }

  #noteFirstByte(): void {
    if (Number.isNaN(this.firstByteAtMs)) this.firstByteAtMs = this.#context.clock();
  }

  #onSwitch(head: ResponseHead): void {
    const { clock, timeouts, tunnels, count } = this.#context;
    const setCookie = this.preference?.setCookie(this.host.slot);
    const tunnel = openTunnel(head, this.#client, setCookie, {
      host: this.#connection as HostSide,
      clock,
      idleMs: timeouts.tunnelTimeoutMs,
      onEnd: (isTimeout) => {
        if (tunnel !== undefined) tunnels.delete(tunnel);
        if (isTimeout) count('timeouts_tunnel');
        this.#end('ok');
      },
      onFault: (error) => this.onFault(error),
    });
    if (tunnel === undefined) {
      this.onHostLost('bad-response', whyBadSwitch(head, this.#client.head));
      return;
    }
    this.#status = 101;
    this.#becomeLongLived();
    tunnels.add(tunnel);
    this.#tunnel = tunnel;
  }

  /** The host failed, or was too late. If part of the answer was passed on, cuts it off so that the client can detect it. */
  #fail(kind: OutcomeKind): void {
    if (this.#isSettled) return;
    const client = this.#client;
    client.listener = undefined;
    try {
      if (client.hasStarted) this.#breakOff(kind);
    } catch {
      // The outcome is still the host's failure.
      this.#context.count('internal_errors');
    }
    this.#end(kind);
  }

  /** A call ends with a status, also one whose answer does not become whole. */
  #breakOff(kind: OutcomeKind): void {
    const trailers = this.#grpcAnswer?.breakOff(codeOf(kind));
    if (trailers === undefined) this.#client.breakOff();
    else this.#client.endAnswer(trailers);
  }

  #end(kind: OutcomeKind, mayBeUsedAgain = false): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const client = this.#client;
    if (client.head.framing !== 'none') client.stopBody();
    client.listener = undefined;
    if (this.#tunnel === undefined) this.#connection?.release(mayBeUsedAgain);
    this.owner.onAttemptEnd(kind, this.#status);
  }
}
