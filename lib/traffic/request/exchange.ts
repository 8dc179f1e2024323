// The life of a request, whatever its lane: route, pick, forward, record; a retry on another host if that is allowed, else
// an answer of our own. Steps call each other; nothing waits for a promise unless a host is full.

import type { Failure } from '../../explanation.js';
import { requestIdOf } from '../../request-id.js';
import type { OutcomeKind } from '../../routing/retry.js';
import { expectedCost } from '../../table/class-costs.js';
import { countOpenRequests } from '../../table/traffic-cells.js';
import type { AnswerCode } from '../wire/answers.js';
import { Attempt, type AttemptOwner } from './attempt.js';
import type { ClientSide } from '../client/client-side.js';
import type { Host } from '../host/host.js';
import type { HostPreference } from './pool-affinity.js';
import { pick } from './pick.js';
import type { ExchangeContext } from './exchange-context.js';
import { mayTryAgain, refusalOf } from './exchange-rules.js';
import { codeOf } from './failure-code.js';
import { type GrpcCall, grpcCallOf, timeoutLineOf } from './grpc-call.js';
import { KeptBody } from './kept-body.js';
import type { PoolLimit } from './pool-limit.js';
import type { RoutedBy } from '../log/pick-log.js';
import { type CompiledSite, isRoute, routeOf } from './compiled-site.js';
import { answerByRoute, answerOwn } from './route-actions.js';
import { schemeOf } from '../wire/client-scheme.js';
import { AS_IT_CAME, type ForwardPlan } from '../wire/forward-plan.js';
import { type AnswerTiming, idLine } from '../wire/own-lines.js';
import type { PreparedAnswer } from '../wire/prepared-answers.js';
import { countCall, countEnd, slowRequestOf } from './request-counts.js';
import type { RequestTrace } from './request-trace.js';
import { serverTimingOf } from './server-timing.js';
import { waitFor, waitForPlace, whyBusy, whyLimited } from './waiting.js';
import { type LoggedOutcome, recordOf, type Story } from './story.js';

/** The end of an exchange. `fault` is undefined whatever the answer was; else a bug of ours, and the client has no answer. */
export type ExchangeEnd = (client: ClientSide, fault: Error | undefined) => void;

/** Handles one request; calls `onEnd` once, possibly before it returns, when nothing of it is in flight any more. Never throws. */
export function exchange(context: ExchangeContext, client: ClientSide, onEnd: ExchangeEnd): void {
  new Exchange(context, client, onEnd).begin();
}

/** One request, from its head to its record. Its methods are in the order in which they run. */
class Exchange implements AttemptOwner, Story, AnswerTiming {
  readonly startedMs: number;
  routedBy: RoutedBy | undefined;
  pool = '';
  queuedMs = 0;
  attempts = 0;
  attempt: Attempt | undefined;
  outcome: LoggedOutcome = 'refused';
  call: GrpcCall | undefined;
  reason = '';
  /** Failures so far; undefined without any. */
  #failures: Failure[] | undefined;
  /** Of the request's pool; until it is known, of `default`. */
  #context: ExchangeContext;
  readonly #client: ClientSide;
  readonly #onEnd: ExchangeEnd;
  /** What its route changes. */
  #plan: ForwardPlan = AS_IT_CAME;
  /** Its class, and its expected cost (ms of CPU). */
  #classId = 0;
  #cost = 0;
  /** Whether an upgrade or a stream is expected. */
  #isLongLived = false;
  /** The host that its key or cookie prefers; undefined: none. */
  #preference: HostPreference | undefined;
  /** Its number in the pick log. */
  #number = 0;
  /** The slot of the host that failed the last attempt; -1: none. */
  #excluded = -1;
  #lastWrong: AnswerCode = 'MEERCAT_NO_HOST';
  /** Undefined if it is not traced. */
  #trace: RequestTrace | undefined;
  /** What hosts of HTTP/2 got of its body; undefined: none was asked. */
  #kept: KeptBody | undefined;
  /** The limit of which it has a place; undefined: none. */
  #place: PoolLimit | undefined;
  /** Deadline for waiting in queues; NaN until it first waits. */
  #queueDeadlineMs = Number.NaN;
  /** When the last attempt ended; NaN while none has. */
  #endedMs = Number.NaN;
  #isOver = false;

  constructor(context: ExchangeContext, client: ClientSide, onEnd: ExchangeEnd) {
    this.#context = context;
    countOpenRequests(context.columns, context.index, 1);
    this.#client = client;
    this.#onEnd = onEnd;
    this.startedMs = context.clock();
  }

  begin(): void {
    const { count, routing } = this.#context;
    try {
      count('requests');
      this.call = grpcCallOf(this.#client.head, this.startedMs);
      if (routing.site === undefined) this.#toPool();
      else this.#route(routing.site);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Does what the request's route says. */
  #route(site: CompiledSite<ExchangeContext>): void {
    const { count } = this.#context;
    const client = this.#client;
    const route = routeOf(site, client);
    if (!isRoute(route)) {
      count(route.counter);
      this.#open();
      this.#refuse(route.code, route.reason);
      return;
    }
    this.routedBy = route.by;
    const { action, limit, pools } = route;
    if (limit !== undefined && !limit.admits(client, this.startedMs)) {
      this.#open();
      this.#limit('limited_rate', limit.refusal(), `more requests than the rate limit of the route in line ${route.by.line} allows`);
      return;
    }
    if (action.kind === 'answer') {
      this.#answer(() => answerByRoute(client, action, schemeOf(client.facts, client.head.headers)));
      return;
    }
    this.#plan = action.plan;
    countOpenRequests(this.#context.columns, this.#context.index, -1);
    this.#context = pools[action.split.next()] as ExchangeContext;
    countOpenRequests(this.#context.columns, this.#context.index, 1);
    this.#toPool();
  }

  /** The request belongs to a pool, which may be in maintenance. */
  #toPool(): void {
    const { respond, name } = this.#context;
    this.pool = name;
    if (respond === undefined) this.#enter();
    else this.#answer(() => this.#client.answerWith(respond));
  }

  /** Answers as the site says, without a host. */
  #answer(send: () => void): void {
    this.#context.count('requests_answered');
    this.#open();
    this.outcome = 'answered';
    send();
    this.#context.ids.log.answered(this.#client.status);
    this.#record();
  }

  /** Gives the request a number in the pick log, its id, and a trace if it is sampled; with the defaults, nothing will be picked. */
  #open(className = '', isCostKnown = false): void {
    const { ids, tracer, isServerTimingSent } = this.#context;
    const client = this.#client;
    const given = client.facts.isTrusted ? client.head.requestId : undefined;
    this.#number = ids.log.open(this.startedMs, className, this.#cost, isCostKnown, this.pool, this.routedBy, given);
    client.requestId = given ?? requestIdOf(ids.prefix, this.#number);
    if (tracer !== undefined) this.#trace = tracer.begin(client.head.trace, client.facts.isTrusted, this.startedMs);
    if (isServerTimingSent) client.timing = this;
  }

  /** The request is its pool's from now on. */
  #enter(): void {
    const { budget, classes, columns, hosts, affinity } = this.#context;
    const { method, target } = this.#client.head;
    budget.onRequest(this.startedMs);
    const refusal = refusalOf(this.#context, this.#client);
    this.#classId = classes.classOf(method, target);
    this.#cost = expectedCost(columns, this.#classId);
    this.#isLongLived = this.#client.head.upgrade !== undefined || hosts.turns.isLongLived(this.#classId);
    this.#open(classes.name(this.#classId) ?? '', (columns.classCost[this.#classId] as number) > 0);
    if (refusal !== undefined) {
      this.#refuse(refusal.code, refusal.reason);
      return;
    }
    if (affinity !== undefined) this.#preference = affinity.preferenceOf(this.#client);
    this.#takePlace(this.startedMs);
  }

  /** Takes a place among the requests that the fleet may have in flight to the pool. */
  #takePlace(nowMs: number): void {
    const { limit } = this.#context;
    if (limit === undefined || limit.tryBegin(nowMs)) {
      this.#place = limit;
      this.#pick(nowMs);
    } else {
      void this.#waitForPlace(limit, nowMs);
    }
  }

  async #waitForPlace(limit: PoolLimit, fromMs: number): Promise<void> {
    const { clock, timeouts } = this.#context;
    try {
      if (Number.isNaN(this.#queueDeadlineMs)) this.#queueDeadlineMs = this.#byDeadline(fromMs + timeouts.queueTimeoutMs);
      const turn = await waitForPlace(this.#context, this.#client, limit, this.#queueDeadlineMs);
      const nowMs = clock();
      this.queuedMs += nowMs - fromMs;
      if (turn === 'room') this.#place = limit;
      if (this.#client.isGone) this.#loseClient();
      else if (turn === 'room') this.#pick(nowMs);
      else if (turn === 'again') this.#takePlace(nowMs);
      else if (this.#isTooLate(nowMs)) this.#refuseLate();
      else this.#limit('limited_fleet', limit.answer, whyLimited(turn, timeouts.queueTimeoutMs));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A time to wait until, which the deadline of a call may bring forward. */
  #byDeadline(untilMs: number): number {
    return this.call === undefined ? untilMs : Math.min(untilMs, this.call.deadlineMs);
  }

  /** Whether the request is a call whose deadline has passed. */
  #isTooLate(nowMs: number): boolean {
    return this.call !== undefined && nowMs >= this.call.deadlineMs;
  }

  #refuseLate(): void {
    this.#context.count('timeouts_deadline');
    this.outcome = 'deadline';
    this.#refuse('MEERCAT_DEADLINE_EXCEEDED', 'the deadline of the call passed before a host was asked (grpc-timeout)');
  }

  #pick(nowMs: number): void {
    if (this.#isTooLate(nowMs)) {
      this.#refuseLate();
      return;
    }
    // A host that did not process the request may get it again, if there is no other.
    const host = this.#hostBut(this.#excluded, nowMs) ?? (this.outcome === 'unprocessed' ? this.#hostBut(-1, nowMs) : undefined);
    if (host === undefined) {
      if (this.attempts === 0) this.#context.count('requests_refused_no_host');
      this.#refuse(this.#lastWrong, this.attempts === 0 ? 'no host can be picked: all are down or taken out, or there is none' : '');
    } else if (this.#context.hosts.hasRoom(host)) {
      this.#forward(host, nowMs);
    } else {
      void this.#wait(host, nowMs);
    }
  }

  /** The host for the next attempt. @param excluded a slot; -1: none */
  #hostBut(excluded: number, nowMs: number): Host | undefined {
    return pick(this.#context, nowMs, excluded, this.#cost, this.#number, this.attempts + 1, this.#isLongLived, this.#preference);
  }

  /** Waits for a host at its in-flight limit. One deadline covers all waits of a request. */
  async #wait(host: Host, fromMs: number): Promise<void> {
    const { clock, timeouts } = this.#context;
    try {
      const isFirst = Number.isNaN(this.#queueDeadlineMs);
      if (isFirst) this.#queueDeadlineMs = this.#byDeadline(fromMs + timeouts.queueTimeoutMs);
      const turn = await waitFor(this.#context, this.#client, host, this.#queueDeadlineMs, isFirst);
      const nowMs = clock();
      this.queuedMs += nowMs - fromMs;
      if (turn === 'room') this.#forward(host, nowMs);
      else if (turn === 'again') this.#pick(nowMs);
      else if (this.#client.isGone) this.#loseClient();
      else if (this.#isTooLate(nowMs)) this.#refuseLate();
      else this.#refuse('MEERCAT_BUSY', whyBusy(turn, host, timeouts.queueTimeoutMs));
    } catch (error) {
      this.#fail(error);
    }
  }

  #forward(host: Host, nowMs: number): void {
    if (this.call !== undefined && host.http2 === undefined) {
      this.#refuse('MEERCAT_GRPC_NEEDS_HTTP2', `${host.name} speaks HTTP/1 (protocol: h2 of the pool, or a URL with h2:)`);
      return;
    }
    const attempt = new Attempt(this.#context, this.#client, host, this.#classId, this.#cost, nowMs, this, this.#plan);
    attempt.isLongLived = this.#isLongLived;
    attempt.call = this.call;
    if (host.http2 !== undefined && this.#client.head.framing !== 'none') this.#kept ??= new KeptBody();
    attempt.kept = this.#kept;
    attempt.preference = this.#preference;
    attempt.ownLines =
      idLine(this.#client.requestId) +
      (this.#trace?.beginAttempt() ?? this.#client.head.trace?.lines ?? '') +
      timeoutLineOf(this.call, nowMs);
    this.attempt = attempt;
    this.attempts++;
    this.#context.hosts.begin(host, attempt);
    try {
      this.#client.carry(attempt);
    } catch (error) {
      attempt.onFault(error);
    }
  }

  onAttemptEnd(kind: OutcomeKind, status: number): void {
    const { hosts, clock } = this.#context;
    const attempt = this.attempt as Attempt;
    const { host } = attempt;
    try {
      this.#endedMs = hosts.end(host, attempt, kind, status);
      this.#trace?.endAttempt(attempt, kind, status, this.startedMs, this.#endedMs);
      this.outcome = kind;
      if (kind === 'ok') {
        this.#record();
      } else if (kind === 'client-gone') {
        this.#loseClient();
      } else {
        this.#lastWrong = codeOf(kind);
        this.#excluded = host.slot;
        this.#note(kind, attempt.reason, host.name);
        const isBodyTaken = this.#client.isBodyTaken && this.#kept?.isComplete !== true;
        if (mayTryAgain(this.#context, this.#client, kind, isBodyTaken, this.attempts)) this.#pick(clock());
        else this.#refuse(this.#lastWrong, '');
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A bug of ours: ends the request, which must not stay in flight. It is no evidence against the host. */
  onAttemptFault(error: unknown): void {
    const attempt = this.attempt as Attempt;
    const nowMs = this.#context.hosts.end(attempt.host, attempt, 'client-gone', 0);
    this.#trace?.endAttempt(attempt, 'fault', 0, this.startedMs, nowMs);
    this.#fail(error);
  }

  #loseClient(): void {
    this.outcome = goneFrom(this.#context, this.#client);
    if (this.#client.reason !== '') this.#note(this.outcome, this.#client.reason, this.attempt?.host.name ?? null);
    this.#record();
  }

  /** Ends the request with an answer of our own, unless part of the host's answer was sent. @param reason empty: that of the last attempt */
  #refuse(code: AnswerCode, reason: string): void {
    this.#context.count('requests_failed');
    if (reason !== '') this.#note('refused', reason, null);
    if (!this.#client.hasStarted) answerOwn(this.#client, code, this.#context.bodies);
    this.#record();
  }

  /** Ends the request with 429, since a limit of the fleet is reached. */
  #limit(counter: 'limited_fleet' | 'limited_rate', answer: PreparedAnswer, reason: string): void {
    this.#context.count(counter);
    this.#context.count('requests_failed');
    this.#note('refused', reason, null);
    this.#client.answerWith(answer);
    this.#record();
  }

  /** Logs a failure. @param host the host that was asked; null: none */
  #note(outcome: LoggedOutcome, reason: string, host: string | null): void {
    const { reasonLog } = this.#context;
    const { attempts } = this;
    this.reason = reason;
    (this.#failures ??= []).push({ attempt: host === null ? 0 : attempts, host, outcome, reason });
    if (reasonLog === undefined) return;
    const isHost = host !== null && outcome !== 'client-gone' && outcome !== 'client-failed' && outcome !== 'deadline';
    const id = this.#client.requestId;
    if (isHost) reasonLog.note('host failed a request', { id, host, outcome, reason });
    else reasonLog.note('request failed', { id, client: this.#client.facts.address, outcome, reason });
  }

  #record(): void {
    const { accessLog, clock, ids, classes, isTrusted } = this.#context;
    const nowMs = this.outcome === 'ok' ? this.#endedMs : clock();
    countEnd(this.#context, this.#client, this, nowMs, false);
    countCall(this.#context.count, this, this.#client);
    if (this.#context.slowest.isSlow(nowMs - this.startedMs)) this.#noteSlow(nowMs);
    accessLog?.write(recordOf(this, this.#client, nowMs, isTrusted));
    if (this.#failures !== undefined)
      ids.failures.add(this.#number, {
        atMs: this.startedMs,
        id: this.#client.requestId,
        className: classes.name(this.#classId) ?? '',
        code: this.#client.code,
        failures: this.#failures,
      });
    this.#finish(undefined);
  }

  #noteSlow(nowMs: number): void {
    const { slowest, classes } = this.#context;
    if (this.attempt?.isProvenLong !== true) slowest.note(slowRequestOf(this, this.#client, classes.name(this.#classId) ?? '', nowMs));
  }

  #fail(error: unknown): void {
    this.#finish(error instanceof Error ? error : new Error(String(error)));
  }

  serverTiming(): string {
    return serverTimingOf(this, this.#context.clock());
  }

  #finish(fault: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (fault !== undefined) countEnd(this.#context, this.#client, this, this.#context.clock(), true);
    countOpenRequests(this.#context.columns, this.#context.index, -1);
    this.#place?.end(this.#context.clock());
    this.#onEnd(this.#client, fault);
    this.#trace?.end(this, this.#client, this.#context.clock());
  }
}

function goneFrom({ count }: ExchangeContext, { hasFailed }: ClientSide): LoggedOutcome {
  count('requests_client_gone');
  return hasFailed ? 'client-failed' : 'client-gone';
}
