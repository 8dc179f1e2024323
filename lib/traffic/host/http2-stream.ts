// One request to a host over HTTP/2: a stream of one of the host's connections, for which it may wait. It gives its user
// the same events as a connection of HTTP/1. A paused answer holds back this stream alone.

import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { constants } from 'node:http2';
import type { Clock } from '../../clock.js';
import type { Count } from '../../table/counters.js';
import { writeBytes } from '../wire/buffers.js';
import { nameOfError } from '../wire/http2-frames.js';
import { readHttp2Trailers } from '../wire/http2-host-answer.js';
import { http2RequestHeaders, http2Trailers, isWebSocketOffer, mayHaveTrailers, switchOf } from '../wire/http2-host-request.js';
import type { ClientFacts, RequestRules } from '../wire/headers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ConnectionUser, Loss, TunnelSide } from './connection-user.js';
import type { HostSide } from './host-side.js';
import type { CarriedStream, Http2HostSession } from './http2-session.js';
import { MAX_INFORMATIONAL } from './response-parser.js';

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_REFUSED_STREAM, NGHTTP2_FLAG_END_STREAM } = constants;

/** Codes with which node:http2 refuses a malformed answer, or one that is too long. */
const MALFORMED: ReadonlySet<number> = new Set([
  constants.NGHTTP2_PROTOCOL_ERROR,
  constants.NGHTTP2_FLOW_CONTROL_ERROR,
  constants.NGHTTP2_FRAME_SIZE_ERROR,
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
]);

/** What a stream needs of its host. */
export interface Http2StreamOwner {
  readonly clock: Clock;
  readonly count: Count;
  readonly scheme: 'http' | 'https';
  readonly maxHeadBytes: number;
  /** A request that waits for a connection is given up. */
  forget(stream: Http2HostStream): void;
}

/** One request. */
export class Http2HostStream implements HostSide, CarriedStream {
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Its index in its connection's list. */
  place = -1;
  hasRefusedWrite = false;
  isPaused = false;
  readonly #owner: Http2StreamOwner;
  #session: Http2HostSession | undefined;
  #stream: ClientHttp2Stream | undefined;
  #user: ConnectionUser | undefined;
  #tunnel: TunnelSide | undefined;
  #head: RequestHead | undefined;
  /** How often the connection had heard from the host when the head was sent, and heard parts of answers. */
  #heardBefore = 0;
  #answersBefore = 0;
  #isReleased = false;
  #hasHead = false;
  #informational = 0;
  /** It asks for a WebSocket. */
  #isConnect = false;
  /** Bytes that have not come of a body with Content-Length; Infinity for others. */
  #left = Number.POSITIVE_INFINITY;
  /** Parts of the answer that the user does not take yet. */
  readonly #held: Buffer[] = [];
  /** The host has ended its answer, which may still be held; later also: all of it has arrived here. */
  #isWhole = false;
  #hasArrived = false;
  #isFlushDue = false;
  #trailers: readonly string[] = [];
  #requestTrailers: OutgoingHttpHeaders = {};

  constructor(owner: Http2StreamOwner) {
    this.#owner = owner;
  }

  /** Whether a connection has taken it. */
  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  get isFull(): boolean {
    return this.#stream?.writableNeedDrain === true;
  }

  get way(): ClientHttp2Stream {
    return this.#stream as ClientHttp2Stream;
  }

  /** A connection takes it: at once, or later, when the user learns of it. */
  assign(session: Http2HostSession): void {
    this.#session = session;
    session.add(this);
    this.#run(() => this.#user?.onConnected());
  }

  use(user: ConnectionUser, head: RequestHead): void {
    this.#user = user;
    this.#head = head;
  }

  sendHead(facts: ClientFacts, rules: RequestRules): void {
    const session = this.#session as Http2HostSession;
    const head = this.#head as RequestHead;
    this.#isConnect = isWebSocketOffer(head);
    if (this.#isConnect && !session.mayConnect) {
      process.nextTick(() => this.#lose('unsupported', 'the host takes no WebSockets over HTTP/2 (SETTINGS_ENABLE_CONNECT_PROTOCOL)'));
      return;
    }
    const hasBody = head.framing !== 'none' || this.#isConnect;
    const waitForTrailers = mayHaveTrailers(head);
    this.#heardBefore = session.heard;
    this.#answersBefore = session.answers;
    const stream = session.request(http2RequestHeaders(head, facts, rules, this.#owner.scheme), { endStream: !hasBody, waitForTrailers });
    if (stream === undefined) {
      this.hasRefusedWrite = true;
      process.nextTick(() => this.#loseUnprocessed(session));
      return;
    }
    this.#owner.count('hosts_requests_http2');
    this.#stream = stream;
    this.#watch(stream);
    if (hasBody) {
      stream.on('drain', () => this.#run(() => (this.#tunnel ?? this.#user)?.onHostWritable()));
      stream.on('aborted', () => this.#run(() => this.#onAborted()));
    }
    if (waitForTrailers) stream.on('wantTrailers', () => this.#run(() => this.#sendTrailers()));
  }

  #watch(stream: ClientHttp2Stream): void {
    // Node ends a stream without a sign when the host resets it without an error, or the connection ends. Only the end
    // that the host itself has sent comes while the stream is open.
    const { push } = stream;
    stream.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (chunk !== null || stream.closed) return push.call(stream, chunk, encoding);
      this.#isWhole = true;
      const isMore = push.call(stream, null);
      // What is left is in memory: it is taken before anything can happen to the stream.
      while (stream.readableLength > 0 && stream.read() !== null);
      stream.resume();
      return isMore;
    };
    stream.on('headers', (_headers: unknown, _flags: number, raw: string[]) => this.#run(() => this.#onInformational(raw)));
    stream.on('response', (_headers: unknown, flags: number, raw: string[]) =>
      this.#run(() => this.#onHead(raw, (flags & NGHTTP2_FLAG_END_STREAM) !== 0)),
    );
    stream.on('trailers', (_headers: unknown, _flags: number, raw: string[]) => this.#run(() => this.#onTrailers(raw)));
    stream.on('data', (bytes: Buffer) => this.#run(() => this.#onData(bytes)));
    stream.on('end', () => this.#run(() => this.#onEnd()));
    // The code of the stream says why; `close` follows.
    stream.on('error', () => undefined);
    stream.on('close', () => this.#run(() => this.#onClose()));
  }

  /** Runs the handler of an event. A throw is a bug of ours and costs one request, not the process. */
  #run(step: () => void): void {
    try {
      step();
    } catch (error) {
      const user = this.#tunnel ?? this.#user;
      this.#user = undefined;
      this.destroy();
      if (user === undefined) this.#owner.count('internal_errors');
      else user.onFault(error);
    }
  }

  expectBody(): void {
    // Nothing to prepare: a stream is read to its end whatever becomes of its body.
  }

  sendBody(bytes: Buffer): boolean {
    const stream = this.#stream as ClientHttp2Stream;
    // The host takes no more, or is gone: the event is on its way.
    return stream.closed || stream.destroyed || writeBytes(stream, bytes);
  }

  endBody(trailers: readonly string[]): void {
    this.#requestTrailers = http2Trailers(trailers);
    this.#stream?.end();
  }

  #sendTrailers(): void {
    const stream = this.#stream as ClientHttp2Stream;
    if (!stream.closed && !stream.destroyed) stream.sendTrailers(this.#requestTrailers);
  }

  pause(): void {
    this.isPaused = true;
    if (!this.#isWhole) this.#stream?.pause();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#run(() => this.#deliver());
    if (!this.#mustHold) this.#stream?.resume();
  }

  mayKeepAfter(): boolean {
    return true;
  }

  noteKeepAlive(): void {
    // A field of HTTP/1.
  }

  release(): void {
    this.#user = undefined;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    if (this.#isReleased) return;
    this.#isReleased = true;
    const stream = this.#stream;
    if (stream !== undefined) {
      // The answer may be whole before the request (RFC 9113, section 8.1).
      if (!this.#isWhole) stream.close(NGHTTP2_CANCEL);
      else if (!stream.writableEnded) stream.close(NGHTTP2_NO_ERROR);
      if (stream.isPaused()) stream.resume();
    } else if (this.#session === undefined) this.#owner.forget(this);
    else this.#session.remove(this);
  }

  switchTo(tunnel: TunnelSide): void {
    this.#user = undefined;
    this.#tunnel = tunnel;
  }

  destroy(): void {
    this.release();
  }

  /** The deadline has passed. */
  onDeadline(nowMs: number): void {
    this.#run(() => {
      if (this.#tunnel !== undefined) this.#tunnel.onHostDeadline(nowMs);
      else this.#user?.onHostDeadline();
    });
  }

  /** No connection could be established. */
  onNoConnection(reason: string): void {
    this.#lose('connect-failed', reason);
  }

  /** Its connection has ended. */
  onSessionLost(): void {
    this.#run(() => this.#onLost());
  }

  #onInformational(raw: readonly string[]): void {
    const session = this.#session as Http2HostSession;
    session.onAnswer();
    const user = this.#user;
    if (user === undefined || this.#isBroken) return;
    const head = session.heads.read(raw, false, false);
    if (typeof head === 'string') this.#lose('bad-response', head);
    else if (head.status >= 200 || head.status === 101) this.#lose('bad-response', `status ${head.status} in place of an interim answer`);
    else if (++this.#informational > MAX_INFORMATIONAL) this.#lose('bad-response', 'too many informational answers');
    else user.onInformational(head);
  }

  #onHead(raw: readonly string[], isEnded: boolean): void {
    const session = this.#session as Http2HostSession;
    session.onAnswer();
    const user = this.#user;
    if (user === undefined || this.#isBroken) return;
    const head = session.heads.read(raw, this.#head?.method === 'HEAD', isEnded);
    if (typeof head === 'string' || head.status < 200) {
      this.#lose('bad-response', typeof head === 'string' ? head : `an answer that ends with status ${head.status}`);
      return;
    }
    this.#hasHead = true;
    if (this.#isConnect && head.status < 300 && !isEnded) {
      user.onInformational(switchOf(head, this.#head as RequestHead));
      for (const bytes of this.#held.splice(0)) this.#tunnel?.onHostBytes(bytes);
      return;
    }
    if (head.framing === 'length') this.#left = head.length - this.#held.reduce((sum, { length }) => sum + length, 0);
    // Node tells of each frame by itself: whether a body has come with the head shows once all frames have been read.
    user.onHead(head, head.framing !== 'none');
    this.#hasArrived ||= isEnded;
    if (head.framing !== 'none') this.#flushSoon();
    this.#deliver();
  }

  #onTrailers(raw: readonly string[]): void {
    (this.#session as Http2HostSession).onAnswer();
    const trailers = readHttp2Trailers(raw, this.#owner.maxHeadBytes);
    if (typeof trailers === 'string') this.#lose('bad-response', trailers);
    else this.#trailers = trailers;
  }

  #onData(bytes: Buffer): void {
    (this.#session as Http2HostSession).onAnswer();
    this.#left -= bytes.length;
    if (this.#tunnel !== undefined) {
      this.#tunnel.onHostBytes(bytes);
      return;
    }
    if (this.#user === undefined) return;
    if (this.#mustHold) this.#held.push(bytes);
    else this.#pass(bytes, this.#user);
  }

  /** Whether the stream has ended before its answer, of which nothing more is passed on: `#onLost` follows. */
  get #isBroken(): boolean {
    return !this.#isWhole && this.#stream?.closed === true;
  }

  /** Whether a part of the answer must wait: for the head before it, or for the client. */
  get #mustHold(): boolean {
    return !this.#hasHead || this.isPaused || this.#held.length > 0;
  }

  #pass(bytes: Buffer, user: ConnectionUser): void {
    const isLast = this.#left === 0 && this.#hasArrived && this.#held.length === 0 && this.#trailers.length === 0;
    user.onBody(bytes, isLast);
    this.#flushSoon();
  }

  /** Lets what was passed on leave when all frames that have arrived together are read. */
  #flushSoon(): void {
    if (this.#isFlushDue || this.#hasArrived) return;
    this.#isFlushDue = true;
    setImmediate(() => this.#run(() => this.#flush()));
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (!this.#isBroken) this.#user?.onPause();
  }

  /** Passes on what was held, and the end. */
  #deliver(): void {
    while (!this.isPaused && this.#held.length > 0 && this.#user !== undefined) this.#pass(this.#held.shift() as Buffer, this.#user);
    if (this.#hasArrived && this.#hasHead && !this.isPaused && this.#held.length === 0) this.#user?.onEnd(this.#trailers);
  }

  /** Node has no more of the answer. */
  #onEnd(): void {
    if (!this.#isWhole || this.#hasArrived) return;
    this.#hasArrived = true;
    if (this.#tunnel === undefined) this.#deliver();
    else this.#tunnel.onHostEnd();
  }

  /** The host takes no more of the request; with its answer it may be well all the same. */
  #onAborted(): void {
    if (this.#isWhole && !this.#hasArrived && this.#stream?.rstCode === NGHTTP2_NO_ERROR) this.#user?.onBodyRefused();
  }

  #onClose(): void {
    (this.#session as Http2HostSession).remove(this);
    this.#onLost();
  }

  /** The stream is over: well, or not. */
  #onLost(): void {
    // Node's own server may reset a stream without an error in place of ending it.
    const isComplete = this.#left === 0 && this.#stream?.rstCode === NGHTTP2_NO_ERROR && !(this.#session as Http2HostSession).isClosed;
    if (isComplete) this.#isWhole = true;
    if (this.#isWhole) {
      this.#onEnd();
      return;
    }
    if (this.#tunnel !== undefined) {
      this.#tunnel.onHostClosed();
      return;
    }
    const stream = this.#stream;
    const session = this.#session as Http2HostSession;
    const code = stream?.rstCode ?? NGHTTP2_NO_ERROR;
    if (session.isUnprocessed(stream?.id ?? 0)) this.#loseUnprocessed(session);
    else if (session.isClosed) this.#lose(this.#isStale(session) ? 'stale' : 'reset', session.reason);
    // A host that has begun to answer has processed the request (RFC 9113, section 8.7).
    else if (code === NGHTTP2_REFUSED_STREAM && !this.#hasHead) this.#lose('refused', 'the host refused the stream (REFUSED_STREAM)');
    else if (MALFORMED.has(code))
      this.#lose('bad-response', `malformed, or too long for --max-response-header-size (${nameOfError(code)})`);
    else this.#lose('reset', `RST_STREAM with ${nameOfError(code)}`);
  }

  #loseUnprocessed(session: Http2HostSession): void {
    this.#lose(session.hasServed ? 'goaway' : 'goaway-unused', `${session.reason} before this request`);
  }

  /** Whether the connection, which had answered others, was silent since this request was sent. */
  #isStale(session: Http2HostSession): boolean {
    return session.heard === this.#heardBefore && this.#answersBefore > 0;
  }

  #lose(loss: Loss, reason: string): void {
    const user = this.#user;
    if (user === undefined) return;
    this.release();
    try {
      user.onHostLost(loss, reason);
    } catch (error) {
      user.onFault(error);
    }
  }
}
