// The lane that can carry everything: http-proxy as a shell round passes of ours, on Node's http.Server.
// http-proxy's own passes can be made to kill the process, hang clients and smuggle requests; they are replaced.

import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import httpProxy from 'http-proxy';
import { type AnswerCode, answer, lengthOf, statusOf } from '../wire/answers.js';
import { writeCopy } from '../wire/buffers.js';
import type { ClientConnection } from './client-connection.js';
import type { BodyReader, ClientListener, ClientSide, Outcome, PresentRequest, Startable } from './client-side.js';
import { type ClientFacts, headText, responseHeaders } from '../wire/headers.js';
import type { AnnouncedRequest, OneWriteResponse, ResponseOwner } from './one-write-response.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';

/** http-proxy's passes, which are plain arrays that its types do not know. */
interface Passes {
  webPasses: ((request: AnnouncedRequest) => void)[];
  wsPasses: ((request: AnnouncedRequest) => void)[];
}

/** http-proxy with our passes. */
export type Shell = (request: AnnouncedRequest, way: ServerResponse | Duplex, attempt: Startable) => void;

/** Sets up http-proxy with our passes: each runs the attempt that its request carries. */
export function createShell(): Shell {
  // It wants some target; without options of their own, its calls copy none.
  const proxy = httpProxy.createProxyServer({ target: { host: 'the attempt knows' } });
  const passes = proxy as unknown as Passes;
  passes.webPasses = [runAttempt];
  passes.wsPasses = [runAttempt];
  // Nothing of ours emits here; without a listener http-proxy would throw.
  proxy.on('error', () => undefined);
  return (request, way, attempt) => {
    request.attempt = attempt;
    if ('writeHead' in way) proxy.web(request, way);
    else proxy.ws(request, way, NO_BYTES);
  };
}

function runAttempt({ attempt }: AnnouncedRequest): void {
  attempt?.run();
}

const NO_BYTES = Buffer.alloc(0);

/** A whole body up to this size goes out in one piece with its head: copying it costs less than a second write. */
const MAX_COPIED = 16 << 10;

/** A plain request. */
export class ProxyLane implements ClientSide, PresentRequest, ResponseOwner {
  readonly head: RequestHead;
  readonly facts: ClientFacts;
  listener: ClientListener | undefined;
  code: AnswerCode | '' = '';
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  isBodyTaken = false;
  readonly #shell: Shell;
  readonly #connection: ClientConnection;
  readonly #request: AnnouncedRequest;
  readonly #response: OneWriteResponse;
  readonly #isDraining: () => boolean;
  #reader: BodyReader | undefined;
  #isGivenUp = false;
  #hasFailed = false;
  /** A head that is sent with its body. */
  #waiting: { readonly head: ResponseHead; readonly headers: string[] } | undefined;
  #hasLength = false;
  /** Whether the client was told to go on with its body. */
  #hasContinued = false;
  #hasDrainListener = false;
  #sentAtHalfClose = -1;

  constructor(shell: Shell, connection: ClientConnection, request: AnnouncedRequest, response: OneWriteResponse, isDraining: () => boolean) {
    this.head = connection.head as RequestHead;
    this.facts = connection.facts;
    this.#shell = shell;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.#isDraining = isDraining;
    connection.present = this;
    response.watch(this);
  }

  onFinished(): void {
    this.#connection.onAnswered();
  }

  onClosed(): void {
    if (!this.#response.writableFinished) this.#loseClient();
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  get isGone(): boolean {
    return this.#isGivenUp || this.#response.destroyed;
  }

  get hasStarted(): boolean {
    return this.#response.headersSent;
  }

  carry(attempt: Startable): Promise<Outcome> {
    this.#shell(this.#request, this.#response, attempt);
    return attempt.outcome;
  }

  readBody(reader: BodyReader): void {
    this.#reader = reader;
    this.#connection.wantBody();
  }

  resumeBody(): void {
    this.#connection.wantBody();
  }

  onBodyData(bytes: Buffer): void {
    this.isBodyTaken = true;
    this.bytesIn += bytes.length;
    if (this.#reader?.onBodyData(bytes) === false) this.#connection.refrain();
  }

  onBodyEnd(trailers: readonly string[]): void {
    this.#reader?.onBodyEnd(trailers);
  }

  sendInformational(head: ResponseHead): void {
    const response = this.#response;
    if (response.headersSent || response.destroyed) return;
    if (head.status === 100) {
      if (!this.head.expectsContinue) return;
      this.#hasContinued = true;
      response.writeContinue();
      return;
    }
    response.socket?.write(headText(`HTTP/1.1 ${head.status} ${head.reason}`, responseHeaders(head, false)), 'latin1');
  }

  sendHead(head: ResponseHead, isBodyHere: boolean): void {
    const response = this.#response;
    this.status = head.status;
    this.#hasLength = head.framing === 'length';
    if (response.destroyed) return;
    if (this.#isDraining() || this.#isBodyUnwanted(head.status)) response.shouldKeepAlive = false;
    this.#waiting = { head, headers: responseHeaders(head, this.head.minorVersion === 1) };
    // What came with its body goes out with it; or not at all, should the body be wrong.
    if (!isBodyHere) this.flush();
  }

  flush(): void {
    const { framing } = this.#waiting?.head ?? { framing: 'none' };
    this.#sendWaiting();
    if (framing !== 'none' && !this.#response.destroyed) this.#response.flushHeaders();
  }

  /** Sends a head that waits for its body. */
  #sendWaiting(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    if (!this.#response.destroyed) this.#response.writeHead(waiting.head.status, waiting.head.reason, waiting.headers);
  }

  /** A host that refuses, or did not ask for the body, before it was there will not read the rest: the connection must end. */
  #isBodyUnwanted(status: number): boolean {
    return !this.#connection.isRequestWhole && (status >= 400 || (this.head.expectsContinue && !this.#hasContinued));
  }

  sendBody(bytes: Buffer, isLast: boolean): boolean {
    const response = this.#response;
    const waiting = this.#waiting;
    this.bytesOut += bytes.length;
    if (isLast && waiting !== undefined && waiting.head.length <= MAX_COPIED) {
      this.#waiting = undefined;
      if (!this.#connection.isRequestWhole) this.#connection.endAfterAnswer();
      if (!response.destroyed) response.sendWhole(waiting.head.status, waiting.head.reason, waiting.headers, bytes.toString('latin1'));
      return true;
    }
    this.#sendWaiting();
    if (writeCopy(response, bytes)) return true;
    this.#connection.awaitReading();
    if (!this.#hasDrainListener) {
      this.#hasDrainListener = true;
      response.on('drain', () => {
        this.#connection.awaitNothing();
        this.listener?.onClientWritable();
      });
    }
    return false;
  }

  endAnswer(trailers: readonly string[]): void {
    const response = this.#response;
    this.#sendWaiting();
    if (response.writableEnded || response.destroyed) return;
    if (trailers.length > 0 && response.chunkedEncoding) {
      response.addTrailers(Array.from({ length: trailers.length / 2 }, (_, i): [string, string] => [trailers[2 * i] as string, trailers[2 * i + 1] as string]));
    }
    // The rest of a body whose answer is whole is read by nobody: the connection ends with the answer.
    if (!this.#connection.isRequestWhole) this.#connection.endAfterAnswer();
    response.end();
  }

  breakOff(): void {
    // An answer that the end of the connection delimits would look whole.
    if (this.#hasLength || this.#response.chunkedEncoding) this.#response.destroy();
    else this.#connection.socket.resetAndDestroy();
  }

  answer(code: AnswerCode): void {
    const response = this.#response;
    this.#waiting = undefined;
    if (response.headersSent || response.destroyed) return;
    if (this.#isDraining()) response.shouldKeepAlive = false;
    if (!this.#connection.isRequestWhole) {
      response.shouldKeepAlive = false;
      this.#connection.endAfterAnswer();
    }
    this.code = code;
    this.status = statusOf(code);
    this.bytesOut = lengthOf(code);
    answer(response, code);
  }

  onBodyFailed(code: AnswerCode): void {
    if (this.#isGivenUp) return;
    const { listener } = this;
    if (this.hasStarted) this.breakOff();
    else this.answer(code);
    this.#isGivenUp = true;
    this.#hasFailed = true;
    listener?.onClientGone();
  }

  onHalfClosed(): void {
    const response = this.#response;
    const { socket } = this.#connection;
    // An interim answer does no harm to a client that waits, and ends the connection to one that has gone.
    if (!response.headersSent && this.head.minorVersion === 1) {
      response.writeContinue();
      return;
    }
    // What waits to be taken tells by itself: a client that has gone answers it with a reset, and one that takes
    // nothing has its own time.
    if (socket.writableLength > 0) {
      this.#sentAtHalfClose = -1;
      return;
    }
    if (socket.bytesWritten === this.#sentAtHalfClose) {
      this.#connection.giveUpHalfClosed();
      return;
    }
    this.#sentAtHalfClose = socket.bytesWritten;
  }

  #loseClient(): void {
    this.#isGivenUp = true;
    this.listener?.onClientGone();
  }
}
