// One connection of a client: reads its bytes strictly, one request at a time, enforces the client's deadlines, and
// closes. The next request begins only after the system has taken the answer to the present one.

import type { Socket } from 'node:net';
import { type AnswerCode, answerText } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import { idLine } from '../wire/own-lines.js';
import { whyRefused } from '../wire/refusal-reasons.js';
import type { Refusal } from '../wire/refusals.js';
import type { RequestHead } from '../wire/request-head.js';
import { ClientOutput } from './client-output.js';
import { ClientPatience, type Overdue } from './client-patience.js';
import type { PresentRequest } from './client-side.js';
import type { ClientTransport, ConnectionContext } from './connection-context.js';
import { watchHalfClosed } from './half-closed.js';
import { HeldBytes } from './held-bytes.js';
import { endSoon, LINGER_BYTES } from './linger.js';
import { describeOverdue } from './overdue-reasons.js';
import { readInto } from './read-into.js';
import { RequestParser } from './request-parser.js';

/** How many bytes of a refused request are kept for the access log. */
const MAX_LINE = 1024;

/** A client's connection. */
export class ClientConnection implements ClientTransport {
  readonly socket: Socket;
  readonly facts: ClientFacts;
  readonly output: ClientOutput;
  readonly context: ConnectionContext<ClientConnection>;
  /** When its last request ended (process's clock). */
  idleSinceMs: number;
  readonly #resetTcp: () => void;
  readonly #parser: RequestParser;
  readonly #patience: ClientPatience;
  readonly #held: HeldBytes;
  /** The lane of the present request. */
  present: PresentRequest | undefined;
  /** From a request's head until the system has taken its answer. */
  #isBusy = false;
  /** The whole answer was written; the system may not have taken all of it yet. */
  #isAnswered = false;
  /** Input is discarded; the connection ends with the present answer. */
  #isClosing = false;
  #isFinished = false;
  /** `#readAll` is running: it goes on by itself when a request ends. */
  #isReading = false;
  /** Whether the present body is being read. */
  #isBodyWanted = false;
  #takeOver: ((bytes: Buffer) => void) | undefined;
  #thrownAway = 0;
  /** The client has closed its half. */
  #hasEnded = false;

  /**
   * @param resetTcp resets the TCP connection, below TLS if there is any
   * @param first bytes that were read before; undefined: none
   */
  constructor(socket: Socket, facts: ClientFacts, context: ConnectionContext<ClientConnection>, resetTcp: () => void, first?: Buffer) {
    this.socket = socket;
    this.facts = facts;
    this.context = context;
    this.#resetTcp = resetTcp;
    this.#parser = new RequestParser(context.rules);
    this.#held = new HeldBytes(socket);
    this.idleSinceMs = context.clock();
    this.#patience = new ClientPatience(context.rules, context.clock, (overdue) => this.#guard(() => this.#onOverdue(overdue)));
    this.#patience.awaitHead();
    this.output = new ClientOutput(socket, this.#patience, () => this.#guard(() => this.#onTaken()));
    context.deadlines.add(this.#patience);
    // `close` follows an error.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      context.deadlines.remove(this.#patience);
      context.onClosed(this);
      this.#guard(() => this.present?.onClosed());
    });
    socket.on('end', () => this.#guard(() => this.#onEnd()));
    socket.on('drain', () => this.#guard(() => this.present?.onWritable()));
    readInto(socket, (bytes) => {
      this.#onBytes(bytes);
      return !this.#parser.isBetween;
    });
    socket.resume();
    // Before any bytes that follow, and after the connection is known to its creator.
    if (first !== undefined) process.nextTick(() => this.#onBytes(first));
  }

  /** Whether a request is in progress. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether the connection has left HTTP: a tunnel uses it. */
  get hasLeft(): boolean {
    return this.#takeOver !== undefined;
  }

  /** Whether the connection ends with the present answer. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Whether the present request has been read completely. */
  get isRequestWhole(): boolean {
    return this.#parser.isBetween;
  }

  // Reading.

  #onBytes(bytes: Buffer): void {
    if (this.#isClosing) {
      // Until the answer is out, input does not count: it must not cost the client its answer.
      if (!this.#isBusy) this.#thrownAway += bytes.length;
      if (this.#thrownAway > LINGER_BYTES) this.socket.destroy();
      return;
    }
    const takeOver = this.#takeOver;
    if (takeOver !== undefined) {
      this.#guard(() => takeOver(bytes));
      return;
    }
    const held = this.#held.take();
    this.#read(held === undefined ? bytes : Buffer.concat([held, bytes]));
  }

  #read(bytes: Buffer): void {
    this.#isReading = true;
    this.#guard(() => this.#readAll(bytes));
    this.#isReading = false;
  }

  /** Runs the handler of an event. A throw is a fault of our own and costs this connection only. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.context.onFault(error);
      this.socket.destroy();
    }
  }

  #readAll(bytes: Buffer): void {
    const parser = this.#parser;
    let offset = 0;
    for (;;) {
      if (this.#isClosing) return;
      if (parser.isBetween ? this.#isBusy : !this.#isBodyWanted) {
        // The next request waits until the system has taken the present answer; a body waits until it is wanted.
        this.#hold(bytes, offset);
        return;
      }
      const next = parser.read(bytes, offset);
      switch (parser.step) {
        case 'refused':
          this.#refuse(parser.refusal as Refusal, bytes.subarray(next));
          return;
        case 'more':
          if (this.#patience.isIdle && next < bytes.length) this.#patience.awaitHead();
          this.#hold(bytes, next);
          if (this.#hasEnded) this.close();
          return;
        case 'head':
          this.#begin(parser.head as RequestHead, bytes, next);
          if (this.#takeOver !== undefined) return;
          break;
        case 'body':
        case 'end':
          if (parser.isBetween) this.#patience.onBodyDone();
          else this.#patience.onBody(parser.bodyBytes);
          if (parser.payloadStart < next) this.present?.onBodyData(bytes.subarray(parser.payloadStart, next));
          if (parser.step === 'end') this.#endBody();
          break;
      }
      offset = next;
    }
  }

  #endBody(): void {
    const { trailers, head, droppedTrailers } = this.#parser;
    if (head?.framing === 'chunked' && droppedTrailers.length > 0) this.context.onNamesDropped(this.facts, droppedTrailers);
    this.present?.onBodyEnd(trailers);
  }

  #begin(head: RequestHead, bytes: Buffer, next: number): void {
    if (head.upgrade !== undefined && this.#hasEnded) {
      // Who has closed its half can't speak the new protocol: gone, as one that closes it after the offer.
      this.close();
      return;
    }
    if (head.droppedNames.length > 0) this.context.onNamesDropped(this.facts, head.droppedNames);
    this.#isBusy = true;
    this.#isAnswered = false;
    this.#isBodyWanted = false;
    this.#patience.onHead();
    if (head.upgrade !== undefined) {
      // If the host accepts the offer, the bytes after this head belong to the new protocol.
      this.#hold(bytes, next);
      this.context.onUpgrade(this, head);
      return;
    }
    this.context.onRequest(this, head);
  }

  #hold(bytes: Buffer, offset: number): void {
    if (offset === bytes.length || this.socket.destroyed) return;
    this.#held.keep(bytes.subarray(offset), this.#isBusy && (this.#parser.isBetween || !this.#isBodyWanted));
  }

  #readHeld(): void {
    // A running `#readAll` goes on by itself.
    if (this.#isClosing || this.#isReading || this.socket.destroyed) return;
    this.#held.resume();
    const held = this.#held.take();
    if (held !== undefined) this.#read(held);
  }

  /** Starts or resumes reading the body; the client's deadlines for it apply from now on. */
  wantBody(): void {
    if (this.#isBodyWanted) return;
    if (this.#parser.isBetween) {
      // The body is complete; resume the socket so that the client's end is noticed.
      this.#held.resume();
      return;
    }
    this.#isBodyWanted = true;
    this.#patience.beginBody(this.#parser.bodyBytes);
    this.#readHeld();
  }

  /** Stops reading the body for now; bytes that still arrive are held, within bounds. */
  stopBody(): void {
    this.#isBodyWanted = false;
    this.#patience.onBodyDone();
  }

  /** Stops reading the body and pauses the socket: backpressure from the host. */
  refrain(): void {
    this.stopBody();
    this.#held.pause();
  }

  // Answering.

  /** The whole answer was written. @param isKept whether the connection is kept for the next request */
  onAnswerSent(isKept: boolean): void {
    if (!isKept) this.stopReading();
    this.#isAnswered = true;
    this.#onTaken();
  }

  /** The next request begins when the system has taken the answer to the present one. */
  #onTaken(): void {
    if (this.#isAnswered && this.#isBusy && this.output.isTaken) this.#endRequest();
  }

  #endRequest(): void {
    this.#isBusy = false;
    this.present = undefined;
    this.idleSinceMs = this.context.clock();
    if (this.socket.destroyed) return;
    // Close when no further request can come; else one may have arrived already.
    if (this.#isClosing || (this.#held.isEmpty && this.#hasEnded && !this.#isReading)) {
      this.close();
      return;
    }
    if (this.#held.isEmpty) {
      this.#patience.awaitNext(this.idleSinceMs);
      this.#held.resume();
    } else {
      this.#patience.awaitHead();
      // Lets the accounting of the request that has just ended finish first.
      queueMicrotask(() => this.#readHeld());
    }
  }

  // Ending.

  #onOverdue(overdue: Overdue): void {
    const { count, rules } = this.context;
    switch (overdue) {
      case 'head':
        count('timeouts_header');
        this.#refuseLateHead();
        break;
      case 'idle':
        count('timeouts_keep_alive');
        this.socket.destroy();
        break;
      case 'reading':
        count('timeouts_client_answer');
        this.#noteReason(describeOverdue(overdue, rules));
        // A reset: unread bytes must not stay in the system's buffers, and a partial answer must not look complete.
        this.reset();
        break;
      case 'body':
      case 'rate':
      case 'silent':
        count(overdue === 'rate' ? 'timeouts_client_rate' : 'timeouts_client_body');
        this.present?.onBodyFailed('MEERCAT_REQUEST_TIMEOUT', describeOverdue(overdue, rules));
        break;
    }
  }

  #refuseLateHead(): void {
    const { rules, onSilent } = this.context;
    const hasBegun = !this.#held.isEmpty;
    const reason = describeOverdue('head', rules, hasBegun);
    if (hasBegun) {
      this.#turnAway('MEERCAT_REQUEST_TIMEOUT', '', reason);
      return;
    }
    onSilent(this.facts, reason);
    this.socket.destroy();
  }

  #noteReason(reason: string): void {
    if (this.present !== undefined) this.present.reason = reason;
  }

  /** Refuses the input, after the answers to earlier requests. @param bytes from the refused element on */
  #refuse(refusal: Refusal, bytes: Buffer): void {
    const { count, rules } = this.context;
    const { code, counter } = refusal;
    count(counter);
    const text = bytes.toString('latin1', 0, rules.maxHeaderSize + 1);
    const reason = whyRefused(refusal, text, rules);
    this.#isClosing = true;
    this.#held.drop();
    // A malformed body, whose request is already on its way to a host.
    if (this.#isBusy) this.present?.onBodyFailed(code, reason);
    else this.#turnAway(code, text.slice(0, MAX_LINE).split('\r\n', 1)[0] as string, reason);
  }

  /** Answers input that never became a request, and closes the connection. */
  #turnAway(code: AnswerCode, line: string, reason: string): void {
    const { onRefused, rules } = this.context;
    const ownLines = idLine(onRefused(this.facts, code, line, reason));
    if (this.socket.writable) this.output.sendText(answerText(code, { isHead: false, isKept: false, methods: rules.methods, ownLines }));
    this.close();
  }

  /** Discards the rest of the request; the connection ends with the present answer. */
  stopReading(): void {
    this.#isClosing = true;
    this.#held.drop();
    this.#patience.onHead();
    this.#patience.onBodyDone();
  }

  /** Its answers say themselves that they are the last ones. */
  retire(): void {
    // Nothing to do.
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Closes the connection once everything written is sent; further input is discarded. */
  close(): void {
    this.stopReading();
    if (this.#isFinished) return;
    this.#isFinished = true;
    endSoon(this.socket);
  }

  /** Resets the connection, so that a client can see that an answer delimited by close is incomplete. */
  reset(): void {
    this.#resetTcp();
  }

  /**
   * Leaves HTTP for another protocol: all further bytes go to `onBytes`.
   * @returns the bytes received since the head
   */
  leave(present: PresentRequest, onBytes: (bytes: Buffer) => void): Buffer {
    this.present = present;
    this.#takeOver = onBytes;
    this.#patience.end();
    const rest = this.#held.take();
    this.#held.resume();
    return rest ?? Buffer.alloc(0);
  }

  /**
   * Returns to HTTP: the host declined the other protocol.
   * @param isKept whether it may be kept; else it ends with the present answer, and further input is discarded
   */
  takeBack(isKept: boolean): void {
    this.#takeOver = undefined;
    if (!isKept) this.stopReading();
    this.socket.resume();
  }

  /** Gives up a client that has closed its half and reads nothing any more. */
  giveUpHalfClosed(): void {
    this.context.count('timeouts_half_closed');
    this.#noteReason('closed its half and takes nothing of the answer any more');
    // A reset: an answer delimited by close must not look complete.
    this.reset();
  }

  /** FIN received. It does not show whether the client has gone or has only closed its half. */
  #onEnd(): void {
    this.#hasEnded = true;
    if (this.#isClosing || this.#takeOver !== undefined) return;
    if (!this.#isBusy) {
      // No answer is owed, and a partial head will never be complete.
      this.close();
      return;
    }
    if (!this.#parser.isBetween && this.#isBodyWanted) {
      // The rest of the body will never come.
      this.socket.destroy();
      return;
    }
    watchHalfClosed(this.socket, this.context, () => this.present?.onHalfClosed());
  }
}
