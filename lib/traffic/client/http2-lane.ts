// One request on a client's HTTP/2 connection: its body as it comes, and its answer, each with the stream's own flow
// control. A head and a small body that arrive from the host together leave together, and neither leaves if the body
// turns out malformed.

import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Duplex } from 'node:stream';
import { type AnswerCode, answerLinesOf, ownBodyOf, statusOf } from '../wire/answers.js';
import { writeBytes } from '../wire/buffers.js';
import { grpcLinesOf, isGrpcCall } from '../wire/grpc.js';
import type { HeaderEdit } from '../wire/header-edit.js';
import type { ClientFacts } from '../wire/headers.js';
import {
  http2AnswerFields,
  http2InformationalFields,
  http2OwnFields,
  http2SwitchFields,
  http2TrailerFields,
  MAX_STATUS,
} from '../wire/http2-answer.js';
import type { Http2Fields } from '../wire/http2-fields.js';
import { whyBadTrailers } from '../wire/http2-request.js';
import type { AnswerTiming } from '../wire/own-lines.js';
import type { PreparedAnswer } from '../wire/prepared-answers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';
import { ClientPatience, type Overdue } from './client-patience.js';
import type { ClientTransport, ConnectionContext } from './connection-context.js';
import type { BodyReader, ClientListener, ClientSide, Startable } from './client-side.js';
import { isAccepted } from './websocket-key.js';
import { describeOverdue } from './overdue-reasons.js';
import { passedRequestTrailers } from './passed-trailers.js';
import type { Shell } from './shell.js';

/** Up to this size (bytes) a body is gathered until it is complete, so that it leaves with its head and the end of the stream. */
const MAX_GATHERED = 16 << 10;

const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants;

/** The connection of a request, as its lane uses it. */
export interface LaneOwner {
  readonly facts: ClientFacts;
  readonly context: LaneContext;
  /** Whether the last header block of a stream has a field that no message may have. */
  isMalformed(streamId: number | undefined): boolean;
  /** A deadline of the request was set. */
  watch(patience: ClientPatience): void;
  /** Resets a stream, unless it has ended. */
  reset(stream: ServerHttp2Stream, code: number): void;
  /** Runs the handler of an event; a throw costs this request only. */
  guard(step: () => void, lane: Http2Lane): void;
  /** The stream has closed. */
  onLaneClosed(lane: Http2Lane): void;
}

/** What all requests over HTTP/2 share. */
export interface LaneContext extends Pick<ConnectionContext<ClientTransport>, 'rules' | 'clock' | 'count' | 'onNamesDropped'> {
  readonly shell: Pick<Shell, 'web'>;
}

/** A request over HTTP/2. */
export class Http2Lane implements ClientSide {
  readonly head: RequestHead;
  listener: ClientListener | undefined;
  code: AnswerCode | '' = '';
  reason = '';
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  isBodyTaken = false;
  hasFailed = false;
  hasStarted = false;
  requestId = '';
  /** Whether it carries another protocol. */
  isTunnel = false;
  timing: AnswerTiming | undefined;
  readonly #session: LaneOwner;
  readonly #stream: ServerHttp2Stream;
  #reader: BodyReader | undefined;
  /** Its deadlines; undefined until it has one. */
  patience: ClientPatience | undefined;
  #isGivenUp = false;
  /** Whether all of the request has been read. */
  #isWhole: boolean;
  /** Whether the stream is being read: its body was wanted at least once. */
  #isReading = false;
  #trailers: readonly string[] = [];
  /** The head of the answer, which waits for the body; undefined before it and once it is sent. */
  #fields: Http2Fields | undefined;
  /** The first bytes of the body, which wait with the head. */
  #gathered: Buffer | undefined;
  /**
   * Whether the end of the stream is sent apart, after the body: with trailers, or alone. Until then Node ends no stream
   * by itself, so that an answer that is broken off does not look complete.
   */
  #isEndApart = false;
  /** The whole answer was written. */
  #isAnswered = false;
  /** The host's answer can't be sent on: one of our own was sent in its place. */
  #isReplaced = false;
  #isAwaitingDrain = false;

  constructor(session: LaneOwner, stream: ServerHttp2Stream, head: RequestHead) {
    this.#session = session;
    this.#stream = stream;
    this.head = head;
    this.#isWhole = stream.endAfterHeaders;
    // Its reason comes with `close`.
    stream.on('error', ignore);
    stream.on('close', this.#onClose);
    if (this.#isWhole) return;
    // `close` waits for what is unread; this does not.
    stream.on('aborted', this.#onAborted);
    // They may come before the body is wanted.
    stream.on('trailers', this.#onTrailers);
  }

  get facts(): ClientFacts {
    return this.#session.facts;
  }

  get isGone(): boolean {
    return this.#isGivenUp || this.#stream.closed || this.#stream.destroyed;
  }

  carry(attempt: Startable): void {
    this.#session.context.shell.web(attempt);
  }

  // The request's body.

  readBody(reader: BodyReader): void {
    this.#reader = reader;
    if (this.head.framing === 'none') reader.onBodyEnd([]);
    else this.#wantBody();
  }

  resumeBody(): void {
    this.#wantBody();
  }

  stopBody(): void {
    this.#reader = undefined;
    this.#refrain();
  }

  #wantBody(): void {
    if (this.#isWhole || this.isGone) return;
    const stream = this.#stream;
    this.#patienceOf().beginBody(this.bytesIn);
    this.#watch();
    if (!this.#isReading) {
      this.#isReading = true;
      stream.on('end', this.#onEnd);
      stream.on('data', this.#onData);
    }
    stream.resume();
  }

  /** Stops reading the body: the client may send no more than its stream's window. */
  #refrain(): void {
    if (this.#isWhole || !this.#isReading) return;
    this.patience?.onBodyDone();
    if (!this.#isAnswered) this.#stream.pause();
  }

  readonly #onData = (bytes: Buffer): void => this.#session.guard(() => this.#takeBody(bytes), this);

  #takeBody(bytes: Buffer): void {
    if (this.isGone || this.#isAnswered) return;
    const { maxBodySize } = this.#session.context.rules;
    this.isBodyTaken = true;
    this.bytesIn += bytes.length;
    if (maxBodySize > 0 && this.bytesIn > maxBodySize) {
      this.#session.context.count('refused_body_size');
      this.#failBody('MEERCAT_BODY_TOO_LARGE', 'body above --max-body-size');
      return;
    }
    this.patience?.onBody(this.bytesIn);
    this.#watch();
    if (this.#reader?.onBodyData(bytes) === false) this.#refrain();
  }

  readonly #onTrailers = (_fields: unknown, _flags: unknown, pairs: readonly string[]): void => {
    this.#trailers = pairs;
  };

  readonly #onEnd = (): void => this.#session.guard(() => this.#endBody(), this);

  #endBody(): void {
    // A stream that is cut off ends too.
    if (this.isGone || this.#isAnswered) return;
    const { facts, context } = this.#session;
    const isMalformed = this.#session.isMalformed(this.#stream.id);
    const problem = isMalformed ? 'a trailer that no message may have' : whyBadTrailers(this.#trailers);
    if (problem !== undefined) {
      this.#giveUp(problem, NGHTTP2_PROTOCOL_ERROR);
      return;
    }
    const { passed, dropped } = passedRequestTrailers(this.#trailers, context.rules.oddNames);
    if (dropped.length > 0) context.onNamesDropped(facts, dropped);
    if (passed === undefined) {
      context.count('refused_trailer');
      this.#failBody('MEERCAT_BAD_REQUEST', 'trailer name');
      return;
    }
    this.#isWhole = true;
    this.patience?.onBodyDone();
    this.#reader?.onBodyEnd(passed);
  }

  /** The rest of the body won't be read: it was late, or is refused. */
  #failBody(code: AnswerCode, reason: string): void {
    if (this.#isGivenUp) return;
    this.reason = reason;
    const { listener } = this;
    if (this.hasStarted) this.breakOff();
    else this.answer(code);
    this.#isGivenUp = true;
    this.hasFailed = true;
    listener?.onClientGone();
  }

  /** Ends the stream: whoever sent this, or does not read, gets no answer. */
  #giveUp(reason: string, code: number): void {
    if (this.#isGivenUp) return;
    this.reason = reason;
    this.#isGivenUp = true;
    this.#session.reset(this.#stream, code);
    this.listener?.onClientGone();
  }

  // The answer.

  sendInformational(head: ResponseHead): void {
    if (this.hasStarted || this.isGone || (head.status === 100 && !this.head.expectsContinue)) return;
    this.#stream.additionalHeaders(http2InformationalFields(head));
  }

  sendHead(head: ResponseHead, isBodyHere: boolean, edit: HeaderEdit | undefined, setCookie: string | undefined): void {
    if (head.status > MAX_STATUS) {
      this.answer('MEERCAT_BAD_RESPONSE');
      this.#isReplaced = true;
      return;
    }
    const { requestId, timing } = this;
    this.status = head.status;
    this.bytesOut = 0;
    // Of an answer that broke off before it was sent: another host gives this one.
    this.#gathered = undefined;
    this.#fields = http2AnswerFields(head, { edit, setCookie, requestId, timing });
    // A head that arrived with its body is held back until the body: if that is malformed, neither is sent.
    if (!isBodyHere && head.framing !== 'none') this.flush();
  }

  flush(): void {
    const gathered = this.#gathered;
    this.#gathered = undefined;
    if (!this.#respond(true)) return;
    if (gathered !== undefined) this.#write(gathered);
  }

  /** Sends the head if it still waits. Returns whether the client can get more. @param isEndApart whether the answer may still break off, or has trailers */
  #respond(isEndApart: boolean): boolean {
    const fields = this.#fields;
    this.#fields = undefined;
    if (fields === undefined) return !this.isGone;
    this.hasStarted = true;
    if (this.isGone) return false;
    this.#isEndApart = isEndApart;
    this.#stream.respond(fields, { waitForTrailers: isEndApart });
    return true;
  }

  sendBody(bytes: Buffer, isLast: boolean): boolean {
    if (this.#isReplaced) return true;
    this.bytesOut += bytes.length;
    if (this.#fields !== undefined && !isLast && this.#gather(bytes)) return true;
    const gathered = this.#gathered;
    this.#gathered = undefined;
    if (!this.#respond(!isLast)) return true;
    if (gathered !== undefined) this.#write(gathered);
    if (isLast) {
      this.#end(bytes);
      return true;
    }
    if (this.#write(bytes)) return true;
    this.#awaitDrain();
    return false;
  }

  /** Keeps the first bytes of a body that may soon be complete; false when they are too many. */
  #gather(bytes: Buffer): boolean {
    const before = this.#gathered;
    if ((before?.length ?? 0) + bytes.length > MAX_GATHERED) return false;
    this.#gathered = before === undefined ? Buffer.from(bytes) : Buffer.concat([before, bytes]);
    return true;
  }

  #write(bytes: Buffer): boolean {
    const hasRoom = writeBytes(this.#stream, bytes, this.#onTaken);
    this.patience?.onAnswered();
    this.#awaitReading();
    return hasRoom;
  }

  #awaitDrain(): void {
    if (this.#isAwaitingDrain) return;
    this.#isAwaitingDrain = true;
    this.#stream.on('drain', () => this.#session.guard(() => this.listener?.onClientWritable(), this));
  }

  /** Writes the last bytes and ends the answer: they leave with the end of the stream. */
  #end(bytes: Buffer): void {
    this.#awaitEnd([]);
    // A copy: the bytes are valid until the call returns.
    this.#stream.end(Buffer.from(bytes), this.#onTaken);
    this.#finish();
  }

  endAnswer(trailers: readonly string[]): void {
    if (this.#isAnswered || this.#isReplaced) return;
    const gathered = this.#gathered;
    this.#gathered = undefined;
    const stream = this.#stream;
    if (this.#fields !== undefined && trailers.length === 0 && gathered === undefined) {
      const fields = this.#fields;
      this.#fields = undefined;
      this.hasStarted = true;
      if (!this.isGone) stream.respond(fields, { endStream: true });
      this.#finish();
      return;
    }
    if (!this.#respond(trailers.length > 0)) return;
    this.#awaitEnd(trailers);
    stream.end(gathered, this.#onTaken);
    this.#finish();
  }

  #awaitEnd(trailers: readonly string[]): void {
    if (this.#isEndApart) this.#stream.once('wantTrailers', () => this.#session.guard(() => this.#sendTrailers(trailers), this));
  }

  /** Ends the stream, with trailers if there are any. */
  #sendTrailers(trailers: readonly string[]): void {
    if (this.isGone) return;
    this.#stream.sendTrailers(http2TrailerFields(trailers));
    // After the trailers, which Node sends in an immediate of its own.
    if (!this.#isWhole) setImmediate(this.#refuseRest);
  }

  /** The whole answer was written: what is left of the request is not read (RFC 9113, section 8.1). */
  #finish(): void {
    this.#isAnswered = true;
    if (!this.#isWhole) {
      const stream = this.#stream;
      // What is unread would keep the stream open.
      stream.resume();
      if (stream.writableFinished) this.#refuseRest();
      else if (!this.#isEndApart) stream.once('finish', this.#refuseRest);
    }
    this.#awaitReading();
  }

  readonly #refuseRest = (): void => {
    const stream = this.#stream;
    if (!this.isGone && stream.state.remoteClose !== 1) this.#session.reset(stream, NGHTTP2_NO_ERROR);
  };

  answer(code: AnswerCode): void {
    const { methods } = this.#session.context.rules;
    this.#answer(code, statusOf(code), answerLinesOf(code, methods), ownBodyOf(code));
  }

  answerWith({ code, status, lines, body }: PreparedAnswer, location?: string): void {
    this.#answer(code, status, location === undefined ? lines : `${lines}\r\nLocation: ${location}`, body);
  }

  #answer(code: AnswerCode | '', status: number, lines: string, body: string): void {
    if (this.hasStarted || this.isGone) return;
    if (code !== '' && isGrpcCall(this.head)) {
      this.#answerCall(code);
      return;
    }
    const hasBody = this.head.method !== 'HEAD' && body !== '';
    this.code = code;
    this.status = status;
    this.bytesOut = hasBody ? body.length : 0;
    this.#gathered = undefined;
    this.#fields = http2OwnFields(status, lines, this);
    if (hasBody) this.#gathered = Buffer.from(body, 'latin1');
    this.endAnswer([]);
  }

  /** Answers a call of gRPC, which has its status in the fields of a head without a body. */
  #answerCall(code: AnswerCode): void {
    this.code = code;
    this.status = 200;
    this.bytesOut = 0;
    this.#gathered = undefined;
    this.#fields = http2OwnFields(200, grpcLinesOf(code), this);
    this.endAnswer([]);
  }

  acceptsSwitch(head: ResponseHead): boolean {
    return isAccepted(this.head, head);
  }

  sendSwitch(head: ResponseHead, setCookie: string | undefined, onBytes: (bytes: Buffer) => void): Duplex {
    const stream = this.#stream;
    this.isTunnel = this.hasStarted = this.#isWhole = true;
    this.status = 200;
    stream.respond(http2SwitchFields(head, { edit: undefined, setCookie, requestId: this.requestId, timing: this.timing }));
    stream.on('data', (bytes: Buffer) =>
      this.#session.guard(() => {
        this.bytesIn += bytes.length;
        onBytes(bytes);
      }, this),
    );
    return stream;
  }

  breakOff(): void {
    this.#fields = undefined;
    this.#gathered = undefined;
    if (!this.isGone) this.#session.reset(this.#stream, NGHTTP2_INTERNAL_ERROR);
  }

  // The client's deadlines.

  #patienceOf(): ClientPatience {
    const { rules, clock } = this.#session.context;
    if (this.patience === undefined) {
      this.patience = new ClientPatience(rules, clock, (overdue) => this.#session.guard(() => this.#onOverdue(overdue), this));
      if (isGrpcCall(this.head)) this.patience.converse();
    }
    return this.patience;
  }

  #watch(): void {
    if (this.patience !== undefined) this.#session.watch(this.patience);
  }

  #awaitReading(): void {
    if (this.isGone || this.#stream.writableFinished) return;
    this.#patienceOf().beginReading();
    this.#watch();
  }

  readonly #onTaken = (): void => {
    const { patience } = this;
    if (patience === undefined || !patience.isAwaitingReading) return;
    if (this.#stream.destroyed || this.#stream.writableLength === 0) patience.onRead();
    else {
      // The client reads, if slowly: restart its deadline.
      patience.awaitReading();
      this.#watch();
    }
  };

  #onOverdue(overdue: Overdue): void {
    const { count, rules } = this.#session.context;
    const reason = describeOverdue(overdue, rules);
    if (overdue === 'reading') {
      count('timeouts_client_answer');
      this.#giveUp(reason, NGHTTP2_CANCEL);
      return;
    }
    if (overdue === 'silent') count('timeouts_tunnel');
    else count(overdue === 'rate' ? 'timeouts_client_rate' : 'timeouts_client_body');
    this.#failBody('MEERCAT_REQUEST_TIMEOUT', reason);
  }

  // The stream.

  readonly #onAborted = (): void => this.#session.guard(() => this.#loseClient(), this);

  #loseClient(): void {
    if (this.#isGivenUp) return;
    this.#isGivenUp = true;
    this.#fields = undefined;
    this.#gathered = undefined;
    this.listener?.onClientGone();
    // What is unread would keep the stream open.
    this.#stream.resume();
  }

  readonly #onClose = (): void => {
    this.patience?.end();
    this.#session.onLaneClosed(this);
    if (!this.#isAnswered) this.#session.guard(() => this.#loseClient(), this);
  };

  /** A fault of our own: ends the stream. */
  fail(): void {
    this.#isGivenUp = true;
    this.#session.reset(this.#stream, NGHTTP2_INTERNAL_ERROR);
  }
}

function ignore(): void {
  // Nothing to do.
}
