// A request that asks for another protocol: its connection left HTTP with its head. The host's 101 hands the
// connection over; any other answer is passed on, and ends with the connection.

import type { Socket } from 'node:net';
import { type AnswerCode, answerBytes, lengthOf, statusOf } from '../wire/answers.js';
import { writeCopy } from '../wire/buffers.js';
import type { ClientConnection } from './client-connection.js';
import type { BodyReader, ClientListener, ClientSide, Outcome, Startable } from './client-side.js';
import { type ClientFacts, headText, responseHeaders } from '../wire/headers.js';
import { endSoon } from './linger.js';
import type { AnnouncedRequest } from './one-write-response.js';
import type { Shell } from './proxy-lane.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';

/** So much is taken of the new protocol before the host has agreed to it. */
const MAX_EARLY = 64 << 10;

/** A request to switch protocols. */
export class UpgradeLane implements ClientSide {
  readonly head: RequestHead;
  readonly facts: ClientFacts;
  readonly isBodyTaken = false;
  readonly bytesIn = 0;
  listener: ClientListener | undefined;
  code: AnswerCode | '' = '';
  status = 0;
  bytesOut = 0;
  hasStarted = false;
  readonly #shell: Shell;
  readonly #connection: ClientConnection;
  readonly #request: AnnouncedRequest;
  readonly #socket: Socket;
  #early: Buffer;
  #isSwitched = false;
  /** Who has the bytes once the protocol was switched. */
  #onBytes: ((bytes: Buffer) => void) | undefined;
  #isGone = false;
  /** A request for an upgrade has no body. */
  readonly hasFailed = false;
  /** All that there is to say was sent. */
  #isDone = false;
  #hasLength = false;

  constructor(shell: Shell, connection: ClientConnection, request: AnnouncedRequest) {
    this.head = connection.head as RequestHead;
    this.facts = connection.facts;
    this.#shell = shell;
    this.#connection = connection;
    this.#request = request;
    const { socket } = connection;
    this.#socket = socket;
    socket.on('end', this.#onGone);
    socket.on('close', this.#onGone);
    socket.on('drain', this.#onDrain);
    this.#early = connection.leave((bytes) => {
      if (this.#onBytes !== undefined) {
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

  readonly #onDrain = (): void => {
    this.#connection.awaitNothing();
    this.listener?.onClientWritable();
  };

  get isGone(): boolean {
    return this.#isGone || this.#socket.destroyed;
  }

  carry(attempt: Startable): Promise<Outcome> {
    this.#shell(this.#request, this.#socket, attempt);
    return attempt.outcome;
  }

  readBody(reader: BodyReader): void {
    // What asks for an upgrade has no body: with one it was refused.
    reader.onBodyEnd([]);
  }

  resumeBody(): void {
    // There is none.
  }

  sendInformational(head: ResponseHead): void {
    if (head.status !== 100) this.#socket.write(headText(`HTTP/1.1 ${head.status} ${head.reason}`, responseHeaders(head, false)), 'latin1');
  }

  sendSwitch(head: ResponseHead, onBytes: (bytes: Buffer) => void): Socket {
    this.#onBytes = onBytes;
    this.#isSwitched = true;
    this.hasStarted = true;
    this.status = 101;
    const socket = this.#socket;
    socket.off('end', this.#onGone);
    socket.off('close', this.#onGone);
    socket.off('drain', this.#onDrain);
    const upgrade = head.headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'upgrade');
    const named = upgrade < 0 ? (this.head.upgrade as string) : (head.headers[upgrade + 1] as string);
    socket.write(headText(`HTTP/1.1 101 ${head.reason}`, [...responseHeaders(head, false), 'Connection', 'Upgrade', 'Upgrade', named]), 'latin1');
    if (this.#early.length > 0) onBytes(this.#early);
    return socket;
  }

  sendHead(head: ResponseHead): void {
    this.hasStarted = true;
    this.status = head.status;
    this.#hasLength = head.framing === 'length' || head.framing === 'none';
    // What it sent too early is read by nobody, but must not hide that it goes.
    this.#early = Buffer.alloc(0);
    this.#socket.resume();
    this.#socket.write(headText(`HTTP/1.1 ${head.status} ${head.reason}`, [...responseHeaders(head, false), 'Connection', 'close']), 'latin1');
  }

  flush(): void {
    // Nothing is held back here.
  }

  sendBody(bytes: Buffer): boolean {
    this.bytesOut += bytes.length;
    if (writeCopy(this.#socket, bytes)) return true;
    // A client that does not take it has its time, as with any answer.
    this.#connection.awaitReading();
    return false;
  }

  endAnswer(): void {
    this.#isDone = true;
    endSoon(this.#socket);
  }

  breakOff(): void {
    this.#isDone = true;
    if (this.#hasLength) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  answer(code: AnswerCode): void {
    this.#isDone = true;
    this.code = code;
    this.status = statusOf(code);
    this.bytesOut = lengthOf(code);
    this.#socket.write(answerBytes(code));
    endSoon(this.#socket);
  }
}
