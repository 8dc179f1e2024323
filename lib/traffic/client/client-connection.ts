// One connection of a client: reads strictly what comes on it, one request at a time, holds the client to its
// deadlines, and ends. No second request begins before the system has taken the answer to the first.

import type { Socket } from 'node:net';
import { type AnswerCode, answerText } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import { whyRefused } from '../wire/refusal-reasons.js';
import type { Refusal } from '../wire/refusals.js';
import type { RequestHead } from '../wire/request-head.js';
import { ClientOutput } from './client-output.js';
import { ClientPatience, type Overdue } from './client-patience.js';
import type { PresentRequest } from './client-side.js';
import type { ConnectionContext } from './connection-context.js';
import { watchHalfClosed } from './half-closed.js';
import { HeldBytes } from './held-bytes.js';
import { endSoon, LINGER_BYTES } from './linger.js';
import { describeOverdue } from './overdue-reasons.js';
import { readInto } from './read-into.js';
import { RequestParser } from './request-parser.js';

/** How much of a refused request is kept for the access log. */
const MAX_LINE = 1024;

/** A client's connection. */
export class ClientConnection {
  readonly socket: Socket;
  readonly facts: ClientFacts;
  readonly output: ClientOutput;
  readonly context: ConnectionContext<ClientConnection>;
  /** Since when there is no request on it (process's clock). */
  idleSinceMs: number;
  readonly #resetTcp: () => void;
  readonly #parser: RequestParser;
  readonly #patience: ClientPatience;
  readonly #held: HeldBytes;
  /** The lane of the request that is on it. */
  present: PresentRequest | undefined;
  /** From a request's head until its answer was taken. */
  #isBusy = false;
  /** The present answer is whole, and the system may still have to take it. */
  #isAnswered = false;
  /** Nothing of what comes is read any more; the connection ends with the present answer. */
  #isClosing = false;
  #isFinished = false;
  /** Bytes are being read: what a request's end makes possible is done by that loop. */
  #isReading = false;
  /** Whether the present body is to be read on. */
  #isBodyWanted = false;
  #takeOver: ((bytes: Buffer) => void) | undefined;
  #thrownAway = 0;
  /** The client has closed its half. */
  #hasEnded = false;

  /** @param resetTcp resets the TCP connection, whatever is spoken on it */
  constructor(socket: Socket, facts: ClientFacts, context: ConnectionContext<ClientConnection>, resetTcp: () => void) {
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
    // After an error comes `close`.
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
  }

  /** Whether a request is on it. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether another protocol is spoken on it. */
  get hasLeft(): boolean {
    return this.#takeOver !== undefined;
  }

  /** Whether it ends with the present answer. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Whether all of the present request has come. */
  get isRequestWhole(): boolean {
    return this.#parser.isBetween;
  }

  // Reading.

  #onBytes(bytes: Buffer): void {
    if (this.#isClosing) {
      // Before its answer is out, what a client sends must not cost it the answer.
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

  /** Does what an event asks for. Should that throw, by a fault of our own, it costs this connection. */
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
        // The next request waits until the system has taken the present one's answer; a body, until it is wanted.
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
      // What comes after this head is of the other protocol, if the host agrees to it.
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
    // The loop that reads now goes on by itself.
    if (this.#isClosing || this.#isReading || this.socket.destroyed) return;
    this.#held.resume();
    const held = this.#held.take();
    if (held !== undefined) this.#read(held);
  }

  /** The body is wanted from now on, or again: the client owes it. */
  wantBody(): void {
    if (this.#isBodyWanted) return;
    if (this.#parser.isBetween) {
      // All of it was taken; what else comes is to be noticed again.
      this.#held.resume();
      return;
    }
    this.#isBodyWanted = true;
    this.#patience.beginBody(this.#parser.bodyBytes);
    this.#readHeld();
  }

  /** No more of the body is wanted for now: what comes is kept, within bounds. */
  stopBody(): void {
    this.#isBodyWanted = false;
    this.#patience.onBodyDone();
  }

  /** The same, and none is read: it waits for others. */
  refrain(): void {
    this.stopBody();
    this.#held.pause();
  }

  // Answering.

  /** All of the present answer was sent. @param isKept whether the connection is kept for the next request */
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
    // The next request may be there already; or none can come any more.
    if (this.#isClosing || (this.#held.isEmpty && this.#hasEnded && !this.#isReading)) {
      this.close();
      return;
    }
    if (this.#held.isEmpty) {
      this.#patience.awaitNext(this.idleSinceMs);
      this.#held.resume();
    } else {
      this.#patience.awaitHead();
      // The request that has just ended is taken off the books first.
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
        // What it has not read must not stay with the system, nor a part of an answer look whole.
        this.reset();
        break;
      case 'body':
      case 'rate':
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

  /** Refuses what came: not before the answers to earlier requests are out. @param bytes from what is refused on */
  #refuse(refusal: Refusal, bytes: Buffer): void {
    const { count, rules, isReasonWanted } = this.context;
    const { code, counter } = refusal;
    count(counter);
    const text = bytes.toString('latin1', 0, isReasonWanted ? rules.maxHeaderSize + 1 : MAX_LINE);
    const reason = isReasonWanted ? whyRefused(refusal, text, rules) : '';
    this.#isClosing = true;
    this.#held.drop();
    // A body that turned out wrong: its request is on its way to a host.
    if (this.#isBusy) this.present?.onBodyFailed(code, reason);
    else this.#turnAway(code, text.slice(0, MAX_LINE).split('\r\n', 1)[0] as string, reason);
  }

  /** Answers what never became a request and ends the connection; what still comes is read by nobody. */
  #turnAway(code: AnswerCode, line: string, reason: string): void {
    this.context.onRefused(this.facts, code, line, reason);
    if (this.socket.writable) this.output.sendText(answerText(code, { isHead: false, isKept: false, methods: this.context.rules.methods }));
    this.close();
  }

  /** The rest of the request is read by nobody; the connection ends with the present answer. */
  stopReading(): void {
    this.#isClosing = true;
    this.#held.drop();
    this.#patience.onHead();
    this.#patience.onBodyDone();
  }

  /** Nothing more is sent; what still comes is read by nobody. */
  close(): void {
    this.stopReading();
    if (this.#isFinished) return;
    this.#isFinished = true;
    endSoon(this.socket);
  }

  /** Ends the connection so that the client sees that an answer which only the end delimits is not whole. */
  reset(): void {
    this.#resetTcp();
  }

  /**
   * Leaves the connection to another protocol, whose bytes go to `onBytes` from now on.
   * @returns what came on it since the head
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
   * Takes the connection back for HTTP: the other protocol was declined.
   * @param isKept whether it may be kept; else it ends with the present answer, and what comes is read by nobody
   */
  takeBack(isKept: boolean): void {
    this.#takeOver = undefined;
    if (!isKept) this.stopReading();
    this.socket.resume();
  }

  /** A client that has closed its half and takes nothing any more is given up. */
  giveUpHalfClosed(): void {
    this.context.count('timeouts_half_closed');
    this.#noteReason('closed its half and takes nothing of the answer any more');
    // An answer that the end of the connection delimits must not look whole.
    this.reset();
  }

  /** From here a client that has gone and one that only closed its half look alike. */
  #onEnd(): void {
    this.#hasEnded = true;
    if (this.#isClosing || this.#takeOver !== undefined) return;
    if (!this.#isBusy) {
      // Nothing is owed, and what there is of a head will never be whole.
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
