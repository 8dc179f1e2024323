// A request that offers another protocol. The host's 101 turns the client's connection into a tunnel. Any other answer
// declines the offer: the connection returns to HTTP, unless bytes arrived early, which may belong to either protocol.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { AnswerCode } from '../wire/answers.js';
import type { HeaderEdit } from '../wire/header-edit.js';
import { linesOf, responseHeaders } from '../wire/headers.js';
import type { PreparedAnswer } from '../wire/prepared-answers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ResponseHead } from '../wire/response-head.js';
import type { ClientConnection } from './client-connection.js';
import type { Startable } from './client-side.js';
import { Http1Lane } from './http1-lane.js';
import type { Shell } from './shell.js';

/** Maximum bytes of the new protocol that are buffered before the host has accepted it. */
const MAX_EARLY = 64 << 10;

const NOTHING = Buffer.alloc(0);

/** A request with an offer. */
export class UpgradeLane extends Http1Lane {
  readonly #shell: Pick<Shell, 'upgrade'>;
  readonly #client: ClientConnection;
  readonly #request: IncomingMessage;
  #early: Buffer;
  /** What became of the offer; undefined until the host has answered. */
  #outcome: 'switched' | 'declined' | undefined;
  /** Receives the client's bytes after the switch. */
  #onBytes: ((bytes: Buffer) => void) | undefined;

  constructor(shell: Pick<Shell, 'upgrade'>, connection: ClientConnection, request: IncomingMessage, head: RequestHead) {
    super(connection, head);
    this.#shell = shell;
    this.#client = connection;
    this.#request = request;
    const { socket } = connection;
    socket.on('end', this.#onEnd);
    this.#early = connection.leave(this, (bytes) => {
      if (this.#onBytes !== undefined) {
        this.bytesIn += bytes.length;
        this.#onBytes(bytes);
        return;
      }
      this.#early = Buffer.concat([this.#early, bytes]);
      if (this.#early.length > MAX_EARLY) socket.pause();
    });
  }

  /** A client that closes its half before the host's answer is given up: it can't speak the new protocol. */
  readonly #onEnd = (): void => {
    this.onClosed();
    this.#client.socket.destroy();
  };

  override carry(attempt: Startable): void {
    this.#shell.upgrade(this.#request, this.#client.socket, attempt);
  }

  sendSwitch(head: ResponseHead, setCookie: string | undefined, onBytes: (bytes: Buffer) => void): Socket {
    const { socket, output } = this.#client;
    this.#onBytes = onBytes;
    this.#outcome = 'switched';
    this.hasStarted = true;
    this.status = 101;
    socket.off('end', this.#onEnd);
    // Exactly one is there: others open no tunnel.
    const upgrade = head.headers[head.headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'upgrade') + 1] as string;
    const cookie = setCookie === undefined ? [] : ['Set-Cookie', setCookie];
    const lines = linesOf([...responseHeaders(head, false), ...cookie, 'Connection', 'Upgrade', 'Upgrade', upgrade]);
    output.sendText(`HTTP/1.1 101 ${head.reason}${lines}${this.ownLines}\r\n\r\n`);
    this.bytesIn = this.#early.length;
    if (this.#early.length > 0) onBytes(this.#early);
    return socket;
  }

  /** The host declined. Bytes after the request may belong to either protocol: they are discarded, and the connection ends. */
  #decline(): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = 'declined';
    const { socket } = this.#client;
    socket.off('end', this.#onEnd);
    const isKept = this.#early.length === 0;
    this.#early = NOTHING;
    this.#client.takeBack(isKept);
  }

  override sendHead(head: ResponseHead, isBodyHere: boolean, edit: HeaderEdit | undefined, setCookie: string | undefined): void {
    this.#decline();
    super.sendHead(head, isBodyHere, edit, setCookie);
  }

  override answer(code: AnswerCode): void {
    if (!this.isGone) this.#decline();
    super.answer(code);
  }

  override answerWith(answer: PreparedAnswer, location?: string): void {
    if (!this.isGone) this.#decline();
    super.answerWith(answer, location);
  }

  override sendBody(bytes: Buffer): boolean {
    if (this.#outcome !== 'switched') return super.sendBody(bytes);
    this.bytesOut += bytes.length;
    this.#client.output.sendBytes(bytes);
    return !this.#client.output.isFull;
  }
}
