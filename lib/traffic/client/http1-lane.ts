// The HTTP/1 lane: one plain request on a client's connection, and the writer of its answer. A head and body that arrive
// from the host together leave in one write; large bodies are streamed.

import { type AnswerCode, answerText, lengthOf, statusOf } from '../wire/answers.js';
import type { HeaderEdit } from '../wire/header-edit.js';
import { type PreparedAnswer, preparedText } from '../wire/prepared-answers.js';
import { answerHead, informationalHead } from '../wire/answer-head.js';
import { chunkedEnd, chunkHead } from '../wire/chunked.js';
import type { ClientFacts } from '../wire/headers.js';
import { answerLines, type AnswerTiming } from '../wire/own-lines.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';
import type { ClientConnection } from './client-connection.js';
import type { BodyReader, ClientListener, ClientSide, PresentRequest, Startable } from './client-side.js';

/** Up to this size (bytes) head and body are gathered into one write: copying costs less than a second write. */
const MAX_GATHERED = 16 << 10;

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** A plain request. */
export class Http1Lane implements ClientSide, PresentRequest {
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
  timing: AnswerTiming | undefined;
  readonly #connection: ClientConnection;
  #reader: BodyReader | undefined;
  #isGivenUp = false;
  /** The whole answer was written. */
  #isAnswered = false;
  /** Text for the next write, in latin1. */
  #gathered = '';
  #isChunked = false;
  #isKept = true;
  /** Only the end of the connection delimits the answer. */
  #isEndedByClose = false;
  /** Whether a 100 was sent to the client. */
  #hasContinued = false;
  #writtenAtHalfClose = -1;

  constructor(connection: ClientConnection, head: RequestHead) {
    this.#connection = connection;
    this.head = head;
  }

  get facts(): ClientFacts {
    return this.#connection.facts;
  }

  get isGone(): boolean {
    return this.#isGivenUp || this.#connection.socket.destroyed;
  }

  carry(attempt: Startable): void {
    attempt.run();
  }

  // The request's body.

  readBody(reader: BodyReader): void {
    this.#reader = reader;
    this.#connection.wantBody();
  }

  resumeBody(): void {
    this.#connection.wantBody();
  }

  stopBody(): void {
    this.#reader = undefined;
    this.#connection.stopBody();
  }

  onBodyData(bytes: Buffer): void {
    this.isBodyTaken = true;
    this.bytesIn += bytes.length;
    if (this.#reader?.onBodyData(bytes) === false) this.#connection.refrain();
  }

  onBodyEnd(trailers: readonly string[]): void {
    this.#reader?.onBodyEnd(trailers);
  }

  onBodyFailed(code: AnswerCode, reason: string): void {
    if (this.#isGivenUp) return;
    this.reason = reason;
    const { listener } = this;
    if (this.hasStarted) this.breakOff();
    else this.answer(code);
    this.#isGivenUp = true;
    this.hasFailed = true;
    listener?.onClientGone();
  }

  // The answer.

  sendInformational(head: ResponseHead): void {
    if (this.hasStarted || this.isGone) return;
    if (head.status === 100) {
      if (!this.head.expectsContinue) return;
      this.#hasContinued = true;
      this.#connection.output.sendText(CONTINUE);
      return;
    }
    this.#connection.output.sendText(informationalHead(head));
  }

  sendHead(head: ResponseHead, isBodyHere: boolean, edit: HeaderEdit | undefined, setCookie: string | undefined): void {
    const { version, isKeptAlive } = this.head;
    const minorVersion = version === '1.0' ? 0 : 1;
    const { framing, status } = head;
    const hasEnd = framing === 'none' || framing === 'length';
    this.status = status;
    this.bytesOut = 0;
    this.#isChunked = !hasEnd && minorVersion === 1;
    this.#isEndedByClose = !hasEnd && minorVersion === 0;
    this.#isKept = isKeptAlive && !this.#isEndedByClose && this.#mayKeep && !this.#isBodyUnwanted(status);
    this.#gathered = answerHead(head, {
      minorVersion,
      isChunked: this.#isChunked,
      isKept: this.#isKept,
      edit,
      setCookie,
      ownLines: this.ownLines,
    });
    // A head that arrived with its body is held back until the body: if that is malformed, neither is sent.
    if (!isBodyHere && framing !== 'none') this.flush();
  }

  /** The lines of this answer alone. */
  protected get ownLines(): string {
    return answerLines(this.requestId, this.timing);
  }

  get #mayKeep(): boolean {
    return !this.#connection.isClosing && !this.#connection.context.isStopping();
  }

  /** Whether the host won't read the rest of the body, since it refused early or did not send the 100 that was expected: the connection must end. */
  #isBodyUnwanted(status: number): boolean {
    return !this.#connection.isRequestWhole && (status >= 400 || (this.head.expectsContinue && !this.#hasContinued));
  }

  flush(): void {
    const text = this.#gathered;
    if (text === '') return;
    this.#gathered = '';
    this.hasStarted = true;
    if (!this.isGone) this.#connection.output.sendText(text);
  }

  sendBody(bytes: Buffer): boolean {
    this.bytesOut += bytes.length;
    const connection = this.#connection;
    if (this.#gathered.length + bytes.length <= MAX_GATHERED) {
      const text = bytes.toString('latin1');
      this.#gathered += this.#isChunked ? `${chunkHead(bytes.length)}${text}\r\n` : text;
      return !connection.output.isFull;
    }
    if (this.isGone) return true;
    const { socket } = connection;
    if (this.#isChunked) this.#gathered += chunkHead(bytes.length);
    const isSplit = this.#gathered !== '';
    if (isSplit) socket.cork();
    this.flush();
    connection.output.sendBytes(bytes);
    if (this.#isChunked) connection.output.sendText('\r\n');
    if (isSplit) socket.uncork();
    return !connection.output.isFull;
  }

  endAnswer(trailers: readonly string[]): void {
    if (this.#isAnswered) return;
    if (this.#isChunked) this.#gathered += chunkedEnd(trailers);
    this.#finish(this.#isKept);
  }

  answer(code: AnswerCode): void {
    if (this.hasStarted || this.isGone) return;
    this.#answer(code, statusOf(code), lengthOf(code), (isHead, isKept) => answerText(code, { isHead, isKept, ownLines: this.ownLines }));
  }

  answerWith(answer: PreparedAnswer, location?: string): void {
    if (this.hasStarted || this.isGone) return;
    const { code, status, body } = answer;
    this.#answer(code, status, body.length, (isHead, isKept) => preparedText(answer, isHead, isKept, this.ownLines, location));
  }

  #answer(code: AnswerCode | '', status: number, length: number, textOf: (isHead: boolean, isKept: boolean) => string): void {
    const { method, isKeptAlive } = this.head;
    const isHead = method === 'HEAD';
    const isKept = isKeptAlive && this.#mayKeep && this.#connection.isRequestWhole;
    this.code = code;
    this.status = status;
    this.bytesOut = isHead ? 0 : length;
    this.#gathered = textOf(isHead, isKept);
    this.#finish(isKept);
  }

  /** Sends what is gathered, which ends the answer. */
  #finish(isKept: boolean): void {
    this.#isAnswered = true;
    const connection = this.#connection;
    this.flush();
    // The answer is complete before the request: the rest of the body is discarded and the connection ends.
    connection.onAnswerSent(isKept && connection.isRequestWhole);
  }

  breakOff(): void {
    this.#gathered = '';
    // With a normal close, an answer delimited by close would look complete.
    if (this.#isEndedByClose) this.#connection.reset();
    else this.#connection.socket.destroy();
  }

  // The connection.

  onWritable(): void {
    this.listener?.onClientWritable();
  }

  onHalfClosed(): void {
    const { socket } = this.#connection;
    // An interim answer does no harm to a waiting client; one that has gone replies with a reset.
    if (!this.hasStarted && this.head.version !== '1.0') {
      this.#connection.output.sendText(CONTINUE);
      return;
    }
    // Pending output has its own deadline, and a client that has gone replies to it with a reset.
    if (socket.writableLength > 0) {
      this.#writtenAtHalfClose = -1;
      return;
    }
    if (socket.bytesWritten === this.#writtenAtHalfClose) {
      this.#connection.giveUpHalfClosed();
      return;
    }
    this.#writtenAtHalfClose = socket.bytesWritten;
  }

  onClosed(): void {
    this.#isGivenUp = true;
    this.listener?.onClientGone();
  }
}
