// One connection of a client that speaks HTTP/2: starts the story of each of its requests, keeps the client's deadlines,
// and ends. node:http2 reads the frames; the bytes pass through a FrameGuard.

import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Waiting } from '../../deadlines.js';
import { startTimeout } from '../../timeout.js';
import { answerLinesOf, ownBodyOf, statusOf } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import { http2OwnFields } from '../wire/http2-answer.js';
import { http1Text, Http2RequestReader, isMalformed } from '../wire/http2-request.js';
import { whyRefused } from '../wire/refusal-reasons.js';
import type { Refusal } from '../wire/refusals.js';
import type { RequestHead } from '../wire/request-head.js';
import { ClientPatience, type Overdue } from './client-patience.js';
import type { ClientTransport, ConnectionContext } from './connection-context.js';
import type { FrameGuard } from './frame-guard.js';
import { Http2Lane, type LaneContext, type LaneOwner } from './http2-lane.js';
import { LINGER_MS } from './linger.js';
import { describeOverdue } from './overdue-reasons.js';
import { makeKey } from './websocket-key.js';

/** How many bytes of a refused request are kept for the access log. */
const MAX_LINE = 1024;

/** How long the client has to confirm that it knows of the coming end, before it is final: one round trip, generously. */
const NOTICE_MS = 1000;

const { NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants;

/** What all HTTP/2 connections share. */
export interface Http2Context extends LaneContext, Omit<ConnectionContext<ClientTransport>, 'onRequest' | 'onUpgrade'> {
  /** A request has begun. */
  readonly onLane: (lane: Http2Lane) => void;
}

/** A client's HTTP/2 connection. */
export class Http2Session implements ClientTransport, LaneOwner, Waiting {
  readonly facts: ClientFacts;
  readonly context: Http2Context;
  /** When its last request ended (process's clock). */
  idleSinceMs: number;
  /** The earliest deadline of the connection and its requests, or earlier. */
  deadlineMs: number;
  readonly #socket: Socket;
  readonly #guard: FrameGuard;
  readonly #session: ServerHttp2Session;
  readonly #requests: Http2RequestReader;
  /** For the client's first frames, and for the next request while there is none. */
  readonly #patience: ClientPatience;
  /** For the end of a header block that has begun, whatever else is in progress. */
  readonly #blockPatience: ClientPatience;
  readonly #lanes = new Set<Http2Lane>();
  #hasBegun = false;
  #isClosing = false;
  #isNoticed = false;

  constructor(socket: Socket, guard: FrameGuard, session: ServerHttp2Session, facts: ClientFacts, context: Http2Context) {
    this.facts = facts;
    this.context = context;
    this.#socket = socket;
    this.#guard = guard;
    this.#session = session;
    this.#requests = new Http2RequestReader(context.rules, makeKey);
    this.idleSinceMs = context.clock();
    this.#patience = new ClientPatience(context.rules, context.clock, (overdue) => this.#onOverdue(overdue));
    this.#patience.awaitHead();
    this.deadlineMs = this.#patience.deadlineMs;
    this.#blockPatience = new ClientPatience(context.rules, context.clock, () => this.#onSlowBlock());
    guard.onBlock = (isOpen) => this.#onBlock(isOpen);
    context.deadlines.add(this);
    session.on('error', ignore);
    // The types do not know the last argument, the pairs as they came.
    session.on('stream', ((stream: ServerHttp2Stream, _fields: unknown, _flags: unknown, pairs: readonly string[]) =>
      this.#onStream(stream, pairs)) as (stream: ServerHttp2Stream) => void);
    session.once('remoteSettings', () => this.#onBegun());
    socket.once('close', () => {
      context.deadlines.remove(this);
      context.onClosed(this);
    });
  }

  /** Whether a request is in progress. */
  get isBusy(): boolean {
    return this.#lanes.size > 0;
  }

  /** Whether only tunnels are left. */
  get hasLeft(): boolean {
    if (this.#lanes.size === 0) return false;
    for (const { isTunnel } of this.#lanes) if (!isTunnel) return false;
    return true;
  }

  /** The client's first frames have come. */
  #onBegun(): void {
    this.#hasBegun = true;
    if (this.#lanes.size > 0) return;
    this.#patience.awaitNext(this.context.clock());
    this.watch(this.#patience);
  }

  // Requests.

  /** Node hands a stream out a little later than it reads it: by then its client may have broken the protocol, which ends it. */
  #onStream(stream: ServerHttp2Stream, pairs: readonly string[]): void {
    if (stream.destroyed) {
      stream.on('error', ignore);
      return;
    }
    try {
      this.#read(stream, pairs);
    } catch (error) {
      this.context.onFault(error);
      this.destroy();
    }
  }

  #read(stream: ServerHttp2Stream, pairs: readonly string[]): void {
    if (this.isMalformed(stream.id)) {
      this.#resetMalformed(stream, 'a field that no message may have');
      return;
    }
    const head = this.#requests.read(pairs, !stream.endAfterHeaders);
    if (isMalformed(head)) this.#resetMalformed(stream, head.malformed);
    else if ('counter' in head) this.#refuse(stream, pairs, head);
    else this.#begin(stream, head);
  }

  #begin(stream: ServerHttp2Stream, head: RequestHead): void {
    const { count, onNamesDropped, onLane } = this.context;
    if (head.droppedNames.length > 0) onNamesDropped(this.facts, head.droppedNames);
    count('requests_http2');
    if (head.upgrade !== undefined) count('websockets');
    const lane = new Http2Lane(this, stream, head);
    if (this.#lanes.size === 0) this.#patience.onHead();
    this.#lanes.add(lane);
    this.guard(() => onLane(lane), lane);
  }

  #resetMalformed(stream: ServerHttp2Stream, reason: string): void {
    stream.on('error', ignore);
    // The guard counts it, and those that node:http2 resets by itself.
    this.context.onSilent(this.facts, reason);
    this.reset(stream, NGHTTP2_PROTOCOL_ERROR);
  }

  isMalformed(streamId: number | undefined): boolean {
    const { blocks } = this.#guard;
    if (streamId === undefined || !blocks.isMalformed(streamId)) return false;
    // Later requests could refer to the field. Those that are open are served to their end.
    if (blocks.isTableBad) this.close();
    return true;
  }

  /** Answers a request that is refused; the rest of it is not read. */
  #refuse(stream: ServerHttp2Stream, pairs: readonly string[], refusal: Refusal): void {
    const { count, rules, onRefused } = this.context;
    const { code, counter } = refusal;
    stream.on('error', ignore);
    count(counter);
    const text = http1Text(pairs).slice(0, rules.maxHeaderSize + 1);
    const [line = ''] = text.slice(0, MAX_LINE).split('\r\n', 1);
    const requestId = onRefused(this.facts, code, line.replace(/ HTTP\/1\.1$/, ' HTTP/2.0'), whyRefused(refusal, text, rules));
    stream.respond(http2OwnFields(statusOf(code), answerLinesOf(code, rules.methods), { requestId, timing: undefined }));
    if (pairs[pairs.indexOf(':method') + 1] === 'HEAD') {
      // Its body would keep the stream open; node:http2 sends the head in an immediate of its own.
      if (!stream.endAfterHeaders) setImmediate(() => this.reset(stream, NGHTTP2_NO_ERROR));
      return;
    }
    stream.end(ownBodyOf(code));
    if (!stream.endAfterHeaders) stream.once('finish', () => this.reset(stream, NGHTTP2_NO_ERROR));
  }

  /** A request's stream has closed. */
  onLaneClosed(lane: Http2Lane): void {
    this.#lanes.delete(lane);
    if (this.#lanes.size > 0) return;
    this.idleSinceMs = this.context.clock();
    if (this.#socket.destroyed) return;
    if (this.#isClosing) {
      this.#closeSocket();
      return;
    }
    if (this.#hasBegun) this.#patience.awaitNext(this.idleSinceMs);
    else this.#patience.awaitHead();
    this.watch(this.#patience);
  }

  /** Resets a stream. */
  reset(stream: ServerHttp2Stream, code: number): void {
    if (!stream.closed && !stream.destroyed) stream.close(code);
  }

  /** Runs the handler of an event. A throw is a fault of our own and costs one request only. */
  guard(step: () => void, lane: Http2Lane): void {
    try {
      step();
    } catch (error) {
      this.context.onFault(error);
      lane.fail();
    }
  }

  // Deadlines.

  /** A deadline was set: the connection's own one is no later. */
  watch({ deadlineMs }: ClientPatience): void {
    if (deadlineMs < this.deadlineMs) this.deadlineMs = deadlineMs;
  }

  onDeadline(nowMs: number): void {
    const all = this.#patiences();
    for (const each of all) if (each.deadlineMs <= nowMs) each.onDeadline(nowMs);
    this.#update();
  }

  onPaused(pausedMs: number): void {
    for (const each of this.#patiences()) each.onPaused(pausedMs);
    this.#update();
  }

  #update(): void {
    this.deadlineMs = Math.min(...this.#patiences().map(({ deadlineMs }) => deadlineMs));
  }

  #patiences(): ClientPatience[] {
    const all = [this.#patience, this.#blockPatience];
    for (const { patience } of this.#lanes) if (patience !== undefined) all.push(patience);
    return all;
  }

  #onBlock(isOpen: boolean): void {
    if (isOpen) this.#blockPatience.awaitHead();
    else this.#blockPatience.onHead();
    this.watch(this.#blockPatience);
  }

  /** Until the block has ended, nothing else can be read of the connection (RFC 9113, section 4.3): all of it ends. */
  #onSlowBlock(): void {
    const { count, rules, onSilent } = this.context;
    count('timeouts_header');
    onSilent(this.facts, describeOverdue('head', rules));
    this.#guard.giveUp();
  }

  #onOverdue(overdue: Overdue): void {
    const { count, rules, onSilent } = this.context;
    if (overdue === 'head') {
      count('timeouts_header');
      onSilent(this.facts, describeOverdue('head', rules, false));
      this.destroy();
      return;
    }
    count('timeouts_keep_alive');
    this.close();
  }

  // Ending.

  /**
   * The balancer stops: the client is told so and opens no more streams, in two steps (RFC 9113, section 6.8), so that
   * no request is lost that is on its way. The connection ends with its last stream.
   */
  retire(): void {
    if (this.#isClosing || this.#isNoticed || this.#session.destroyed) return;
    if (!this.#hasBegun) {
      this.close();
      return;
    }
    this.#isNoticed = true;
    this.#guard.warn();
    const timeout = startTimeout(NOTICE_MS, () => this.close());
    this.#session.ping(() => this.close());
    this.#socket.once('close', () => timeout.clear());
  }

  /** Takes no further streams; the connection ends with its last one. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#patience.onHead();
    this.#session.close();
    if (this.#lanes.size === 0) this.#closeSocket();
  }

  destroy(): void {
    this.#isClosing = true;
    this.#socket.destroy();
  }

  /** Nothing is in flight any more: what is left to send has little time, and so has the client to close its side. */
  #closeSocket(): void {
    const timeout = startTimeout(LINGER_MS, () => this.#socket.destroy());
    this.#socket.once('close', () => timeout.clear());
  }
}

function ignore(): void {
  // Its reason comes with the end of the stream or connection.
}
