// A request that asks for another protocol: its connection left HTTP with its head. The host's 101 hands the
// connection over; any other answer is passed on, and ends with the connection.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type AnswerCode, answerText, lengthOf, statusOf } from '../wire/answers.js';
import { answerHead, informationalHead } from '../wire/answer-head.js';
import { type ClientFacts, headText, responseHeaders } from '../wire/headers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';
import type { ClientConnection } from './client-connection.js';
import type { BodyReader, ClientListener, ClientSide, PresentRequest, Startable } from './client-side.js';

/** How many bytes of the new protocol are taken before the host has agreed to it. */
const MAX_EARLY = 64 << 10;

const NOTHING = Buffer.alloc(0);

/** Sends an attempt for a request through http-proxy. */
export type Shell = (request: IncomingMessage, socket: Duplex, attempt: Startable) => void;

/** A request to switch protocols. */
export class UpgradeLane implements ClientSide, PresentRequest {
  readonly head: RequestHead;
  readonly facts: ClientFacts;
  readonly isBodyTaken = false;
  /** A request for an upgrade has no body that could fail. */
  readonly hasFailed = false;
  bytesIn = 0;
  listener: ClientListener | undefined;
  code: AnswerCode | '' = '';
  reason = '';
  status = 0;
  bytesOut = 0;
  hasStarted = false;
  readonly #shell: Shell;
  readonly #connection: ClientConnection;
  readonly #request: IncomingMessage;
  readonly #socket: Socket;
  #early: Buffer;
  #isSwitched = false;
  /** Takes the bytes once the protocol was switched. */
  #onBytes: ((bytes: Buffer) => void) | undefined;
  #isGone = false;
  /** All that there is to say was sent. */
  #isDone = false;
  #isEndedByClose = false;

  constructor(shell: Shell, connection: ClientConnection, request: IncomingMessage, head: RequestHead) {
    this.head = head;
    this.facts = connection.facts;
    this.#shell = shell;
    this.#connection = connection;
    this.#request = request;
    const { socket } = connection;
    this.#socket = socket;
    socket.on('end', this.#onGone);
    this.#early = connection.leave(this, (bytes) => {
      if (this.#onBytes !== undefined) {
        this.bytesIn += bytes.length;
        this.#onBytes(bytes);
        return;
      }
      // Refused: nobody reads what comes after.
      if (this.status !== 0) return;
      this.#early = Buffer.concat([this.#early, bytes]);
      if (this.#early.length > MAX_EARLY) socket.pause();
    });
  }

  /** A client that closes its half can't speak the new protocol; while a refusal is passed on, it has gone. */
  readonly #onGone = (): void => {
    if (this.#isSwitched || this.#isGone || this.#isDone) return;
    this.#isGone = true;
    this.listener?.onClientGone();
    this.#socket.destroy();
  };

  get isGone(): boolean {
    return this.#isGone || this.#socket.destroyed;
  }

  carry(attempt: Startable): void {
    this.#shell(this.#request, this.#socket, attempt);
  }

  readBody(reader: BodyReader): void {
    // What asks for an upgrade has no body: with one it was refused.
    reader.onBodyEnd([]);
  }

  resumeBody(): void {
    // There is none.
  }

  stopBody(): void {
    // There is none.
  }

  sendInformational(head: ResponseHead): void {
    if (head.status !== 100) this.#connection.output.sendText(informationalHead(head));
  }

  sendSwitch(head: ResponseHead, onBytes: (bytes: Buffer) => void): Socket {
    this.#onBytes = onBytes;
    this.#isSwitched = true;
    this.hasStarted = true;
    this.status = 101;
    const socket = this.#socket;
    socket.off('end', this.#onGone);
    const upgrade = head.headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'upgrade');
    const named = upgrade < 0 ? (this.head.upgrade as string) : (head.headers[upgrade + 1] as string);
    this.#connection.output.sendText(
      headText(`HTTP/1.1 101 ${head.reason}`, [...responseHeaders(head, false), 'Connection', 'Upgrade', 'Upgrade', named]),
    );
    this.bytesIn = this.#early.length;
    if (this.#early.length > 0) onBytes(this.#early);
    return socket;
  }

  sendHead(head: ResponseHead): void {
    this.hasStarted = true;
    this.status = head.status;
    this.#isEndedByClose = head.framing === 'chunked' || head.framing === 'close';
    // What it sent too early is read by nobody, but must not hide that it goes.
    this.#early = NOTHING;
    this.#socket.resume();
    this.#connection.output.sendText(answerHead(head, { minorVersion: 0, isChunked: false, isKept: false }));
  }

  flush(): void {
    // Nothing is held back here.
  }

  sendBody(bytes: Buffer): boolean {
    this.bytesOut += bytes.length;
    this.#connection.output.sendBytes(bytes);
    return !this.#connection.output.isFull;
  }

  endAnswer(): void {
    this.#finish();
  }

  breakOff(): void {
    this.#isDone = true;
    if (this.#isEndedByClose) this.#connection.reset();
    else this.#socket.destroy();
  }

  answer(code: AnswerCode): void {
    this.code = code;
    this.status = statusOf(code);
    const isHead = this.head.method === 'HEAD';
    this.bytesOut = isHead ? 0 : lengthOf(code);
    this.#connection.output.sendText(answerText(code, { isHead, isKept: false }));
    this.#finish();
  }

  #finish(): void {
    this.#isDone = true;
    this.#connection.onAnswerSent(false);
  }

  // The connection.

  onBodyData(): void {
    // There is no body.
  }

  onBodyEnd(): void {
    // There is no body.
  }

  onBodyFailed(): void {
    // There is no body.
  }

  onHalfClosed(): void {
    // `end` tells.
  }

  onWritable(): void {
    if (!this.#isSwitched) this.listener?.onClientWritable();
  }

  onClosed(): void {
    this.#onGone();
  }
}
