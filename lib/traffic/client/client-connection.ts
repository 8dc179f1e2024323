// One connection of a client: the strict reading of what comes on it, one request at a time, of each of which
// Node's server is told; how long all of it may take; and how it ends.

import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Count } from '../../table/counters.js';
import { type AnswerCode, answerBytes } from '../wire/answers.js';
import { ClientPatience, type Owed, type PatienceRules } from './client-patience.js';
import type { PresentRequest } from './client-side.js';
import type { Deadlines } from '../../deadlines.js';
import { watchHalfClosed } from './half-closed.js';
import type { ClientFacts } from '../wire/headers.js';
import { HeldBytes } from './held-bytes.js';
import { endSoon, LINGER_BYTES } from './linger.js';
import { readInto } from './read-into.js';
import type { HeadRules, Refusal, RequestHead } from '../wire/request-head.js';
import { RequestParser } from './request-parser.js';

/** What all connections share. */
export interface ConnectionContext {
  readonly rules: HeadRules & PatienceRules;
  readonly clock: Clock;
  readonly count: Count;
  readonly deadlines: Deadlines;
  readonly onClosed: (connection: ClientConnection) => void;
  /** What came was refused before it became a request. */
  readonly onRefused: (facts: ClientFacts, code: AnswerCode, line: string) => void;
}

/** So much of what was refused is kept for the access log. */
const MAX_LINE = 1024;

/** A client's connection. */
export class ClientConnection {
  readonly socket: Socket;
  readonly facts: ClientFacts;
  /** The head of the present request. */
  head: RequestHead | undefined;
  present: PresentRequest | undefined;
  /** Since when there is no request on it (process's clock). */
  idleSinceMs: number;
  readonly #context: ConnectionContext;
  readonly #parser: RequestParser;
  readonly #patience: ClientPatience;
  readonly #held: HeldBytes;
  #announce: (head: RequestHead) => void = () => undefined;
  /** From a request's head to the end of its answer. */
  #isBusy = false;
  #isClosing = false;
  #isFinished = false;
  /** Whether the present body is to be read on. */
  #isBodyWanted = false;
  #takeOver: ((bytes: Buffer) => void) | undefined;
  #thrownAway = 0;
  /** The client has closed its half. */
  #hasEnded = false;

  constructor(socket: Socket, facts: ClientFacts, context: ConnectionContext) {
    this.socket = socket;
    this.facts = facts;
    this.#context = context;
    this.#parser = new RequestParser(context.rules);
    this.#held = new HeldBytes(socket);
    this.idleSinceMs = context.clock();
    this.#patience = new ClientPatience(context.rules, context.clock, (owed, isRate) => this.#onLate(owed, isRate));
    this.#patience.wait('head');
    context.deadlines.add(this.#patience);
    socket.on('error', () => undefined);
    // So Node ends a connection after its last answer: at once, and what has come meanwhile would lose that answer.
    socket.destroySoon = () => this.#finish();
    socket.on('close', () => {
      context.deadlines.remove(this.#patience);
      context.onClosed(this);
    });
    socket.on('end', () => this.#onEnd());
  }

  /** Whether a request is on it. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether all of the present request has come. */
  get isRequestWhole(): boolean {
    return this.#parser.isBetween;
  }

  /** Begins to read; `announce` is told of each request. */
  start(announce: (head: RequestHead) => void): void {
    this.#announce = announce;
    readInto(this.socket, (bytes) => this.#onBytes(bytes));
    this.socket.resume();
  }

  /** Leaves the connection to another protocol, whose bytes go to `onBytes` from now on; gives what came on it since the head. */
  leave(onBytes: (bytes: Buffer) => void): Buffer {
    this.#takeOver = onBytes;
    this.#patience.wait('none');
    const rest = this.#held.take();
    this.#held.resume();
    return rest ?? Buffer.alloc(0);
  }

  #onBytes(bytes: Buffer): void {
    if (this.#isClosing) {
      this.#thrownAway += bytes.length;
      if (this.#thrownAway > LINGER_BYTES) this.socket.destroy();
      return;
    }
    if (this.#takeOver !== undefined) {
      this.#takeOver(bytes);
      return;
    }
    const held = this.#held.take();
    this.#read(held === undefined ? bytes : Buffer.concat([held, bytes]));
  }

  #read(bytes: Buffer): void {
    const parser = this.#parser;
    let offset = 0;
    for (;;) {
      if (this.#isClosing) return;
      if (parser.isBetween ? this.#isBusy : !this.#isBodyWanted) {
        // The next request waits until the present one's answer was taken by the system; a body, until it is wanted.
        this.#hold(bytes, offset);
        return;
      }
      const next = parser.read(bytes, offset);
      switch (parser.step) {
        case 'refused':
          this.#refuse(parser.refusal as Refusal, bytes.toString('latin1', offset, offset + MAX_LINE));
          return;
        case 'more':
          if (this.#patience.owed === 'idle' && next < bytes.length) this.#patience.wait('head');
          this.#hold(bytes, next);
          if (this.#hasEnded) this.socket.destroySoon();
          return;
        case 'head':
          // What comes after a head that asks for another protocol is of that protocol: it must be held before.
          if (parser.head?.upgrade !== undefined) this.#hold(bytes, next);
          this.#begin(parser.head as RequestHead);
          if (parser.head?.upgrade !== undefined) return;
          break;
        case 'body':
        case 'end':
          if (parser.isBetween) this.#patience.done('body');
          else this.#patience.onBody(parser.bodyBytes);
          if (parser.payloadStart < next) this.present?.onBodyData(bytes.subarray(parser.payloadStart, next));
          if (parser.step === 'end') this.present?.onBodyEnd(parser.trailers);
          break;
      }
      offset = next;
    }
  }

  #begin(head: RequestHead): void {
    this.head = head;
    this.#isBusy = true;
    this.#isBodyWanted = false;
    this.#patience.wait('none');
    this.#announce(head);
  }

  #hold(bytes: Buffer, offset: number): void {
    if (offset === bytes.length || this.socket.destroyed) return;
    this.#held.keep(bytes.subarray(offset), this.#isBusy && (this.#parser.isBetween || !this.#isBodyWanted));
  }

  /** The answer to the present request has been sent. */
  onAnswered(): void {
    if (!this.#isBusy) return;
    this.#isBusy = false;
    this.present = undefined;
    this.idleSinceMs = this.#context.clock();
    if (this.socket.destroyed) return;
    // The next request may be there already; or none can come any more.
    if (this.#isClosing || (this.#held.isEmpty && this.#hasEnded)) {
      this.#finish();
      return;
    }
    this.#patience.wait(this.#held.isEmpty ? 'idle' : 'head');
    this.#readHeld();
  }

  #readHeld(): void {
    if (this.#isClosing) return;
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

  /** No more of the body is wanted for now: it waits for others. */
  refrain(): void {
    this.#isBodyWanted = false;
    this.#patience.done('body');
    this.#held.pause();
  }

  /** The client has taken what was sent. */
  awaitNothing(): void {
    this.#patience.done('reading');
  }

  /** The client must take what was sent. */
  awaitReading(): void {
    this.#patience.wait('reading');
  }

  #onLate(owed: Owed, isRate: boolean): void {
    const { count } = this.#context;
    switch (owed) {
      case 'head':
        count('timeouts_header');
        if (this.#held.isEmpty) this.socket.destroy();
        else this.#turnAway('MEERCAT_REQUEST_TIMEOUT', '');
        break;
      case 'idle':
      case 'reading':
        count(owed === 'idle' ? 'timeouts_keep_alive' : 'timeouts_client_answer');
        this.socket.destroy();
        break;
      case 'body':
        count(isRate ? 'timeouts_client_rate' : 'timeouts_client_body');
        this.present?.onBodyFailed('MEERCAT_REQUEST_TIMEOUT');
        break;
    }
  }

  /** Refuses what came: not before the answers to earlier requests are out. */
  #refuse({ code, counter }: Refusal, text: string): void {
    this.#context.count(counter);
    this.#isClosing = true;
    this.#held.drop();
    // A body that turned out wrong: its request is being told to a host.
    if (this.#isBusy) {
      this.present?.onBodyFailed(code);
      return;
    }
    this.#turnAway(code, text.split('\r\n', 1)[0] as string);
  }

  /** Answers what never became a request and ends the connection; what still comes is read by nobody. */
  #turnAway(code: AnswerCode, line: string): void {
    this.#context.onRefused(this.facts, code, line);
    if (this.socket.writable) this.socket.write(answerBytes(code), 'latin1');
    this.#finish();
  }

  /** After the present answer the connection ends, and what is left of the request is read by nobody. */
  endAfterAnswer(): void {
    this.#isClosing = true;
    this.#held.drop();
    this.#patience.wait('none');
  }

  /** Nothing more is sent; what still comes is read by nobody. */
  #finish(): void {
    this.endAfterAnswer();
    if (this.#isFinished) return;
    this.#isFinished = true;
    endSoon(this.socket);
  }

  /** A client that has closed its half and takes nothing any more is given up. */
  giveUpHalfClosed(): void {
    this.#context.count('timeouts_half_closed');
    this.socket.destroy();
  }

  /** From here a client that has gone and one that only closed its half look alike. */
  #onEnd(): void {
    this.#hasEnded = true;
    if (this.#isClosing || this.#takeOver !== undefined) return;
    if (!this.#isBusy) {
      // Nothing is owed, and what there is of a head will never be whole.
      this.socket.destroySoon();
      return;
    }
    if (!this.#parser.isBetween && this.#isBodyWanted) {
      // The rest of the body will never come.
      this.socket.destroy();
      return;
    }
    watchHalfClosed(this.socket, this.#context, () => this.present?.onHalfClosed());
  }
}
