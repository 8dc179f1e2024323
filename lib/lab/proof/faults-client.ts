// A client of the fault rounds: it keeps a connection to one balancer, and moves on to the next one when it is refused,
// closed, or silent for a second, as a client does whose name resolves to several addresses. It sends one request at a time
// and never sends one again: what a balancer loses is lost.

import { connect, type Socket } from 'node:net';
import { readAnswer } from '../virtual-host-http.js';

/** A client gives up on a balancer, and on the request that waits for it, after this time of silence. */
export const SILENCE_MS = 1000;

/** How a request ended. */
export const ENDINGS = ['right', 'refused', 'closed', 'silent', 'status', 'wrong'] as const;

/** The name of an ending. */
export type FaultEnding = (typeof ENDINGS)[number];

/** Called at the end of each request; `body` is that of a wrong answer, or the status. */
export type OnEnding = (id: number, ending: FaultEnding, body: string) => void;

/** One client. */
export class FaultClient {
  readonly #ports: readonly number[];
  readonly #onEnding: OnEnding;
  readonly #waiting: number[] = [];
  #at: number;
  #socket: Socket | undefined;
  #isOpen = false;
  /** The request that was sent or waits for the connection; -1 for none. */
  #id = -1;
  /** Balancers that refused this request. */
  #refusals = 0;
  #text = '';
  #silence: NodeJS.Timeout | undefined;

  /** @param at the index of the first balancer */
  constructor(ports: readonly number[], at: number, onEnding: OnEnding) {
    this.#ports = ports;
    this.#at = at % ports.length;
    this.#onEnding = onEnding;
  }

  /** Opens its connection, so that the first request need not wait for it. */
  open(): void {
    if (this.#socket === undefined) this.#connect();
  }

  /** Sends a request as soon as those before it have ended. */
  ask(id: number): void {
    this.#waiting.push(id);
    this.#next();
  }

  /** Closes its connection; what is pending never ends. */
  close(): void {
    this.#waiting.length = 0;
    this.#id = -1;
    this.#drop();
  }

  #next(): void {
    if (this.#id >= 0) return;
    const id = this.#waiting.shift();
    if (id === undefined) return;
    this.#id = id;
    this.#refusals = 0;
    if (this.#isOpen) this.#send();
    else if (this.#socket === undefined) this.#connect();
  }

  #connect(): void {
    this.#drop();
    const socket = connect({ port: this.#ports[this.#at] as number, host: '127.0.0.1', noDelay: true });
    this.#socket = socket;
    this.#waitForBalancer();
    let hasConnected = false;
    // Events of a connection that was given up come late.
    const ifCurrent =
      <A extends readonly unknown[]>(then: (...args: A) => void) =>
      (...args: A): void => {
        if (this.#socket === socket) then(...args);
      };
    socket.setEncoding('latin1');
    socket.on(
      'connect',
      ifCurrent(() => {
        hasConnected = true;
        this.#isOpen = true;
        if (this.#id >= 0) this.#send();
      }),
    );
    socket.on(
      'data',
      ifCurrent((chunk: Buffer | string) => this.#take(String(chunk))),
    );
    socket.on('error', () => undefined);
    const onGone = ifCurrent(() => {
      if (hasConnected) this.#fail('closed');
      else this.#refused();
    });
    socket.on('end', onGone);
    socket.on('close', onGone);
  }

  /** Gives up after a while, but only once what arrived meanwhile was read: this process itself may have been paused. */
  #waitForBalancer(): void {
    clearTimeout(this.#silence);
    const [id, socket] = [this.#id, this.#socket];
    this.#silence = setTimeout(
      () =>
        setImmediate(() => {
          if (this.#id === id && this.#socket === socket) this.#fail('silent');
        }),
      SILENCE_MS,
    );
  }

  #send(): void {
    this.#waitForBalancer();
    this.#socket?.write(`GET / HTTP/1.1\r\nHost: bench\r\nX-Request: ${this.#id}\r\n\r\n`);
  }

  /** Nothing was sent yet, so the same request may go to the next balancer, to each of them once. */
  #refused(): void {
    this.#moveOn();
    this.#refusals++;
    if (this.#refusals < this.#ports.length) this.#connect();
    else this.#finish('refused', '');
  }

  #fail(ending: 'closed' | 'silent'): void {
    this.#moveOn();
    if (this.#id >= 0) this.#finish(ending, '');
  }

  #moveOn(): void {
    this.#drop();
    this.#at = (this.#at + 1) % this.#ports.length;
  }

  #drop(): void {
    clearTimeout(this.#silence);
    this.#isOpen = false;
    this.#text = '';
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const answer = readAnswer(this.#text);
    if (answer === undefined) return;
    this.#text = '';
    clearTimeout(this.#silence);
    const { status, body, isKept } = answer;
    if (!isKept) this.#moveOn();
    if (status !== 200) this.#finish('status', String(status));
    else if (new RegExp(`^h\\d+ ${this.#id}\\n$`).test(body)) this.#finish('right', '');
    else this.#finish('wrong', body);
  }

  #finish(ending: FaultEnding, body: string): void {
    const id = this.#id;
    this.#id = -1;
    if (id >= 0) this.#onEnding(id, ending, body);
    this.#next();
  }
}
