// Connections of the open load: keep-alive connections to one port, each with at most one request in flight. They may be
// opened ahead, so that the load does not begin with all of them at once. Invariant: never more than the limit.

import { connect, type Socket } from 'node:net';
import { readAnswer } from './virtual-host-http.js';

/** Called at the end of each request with its status and body, or 0 and the failure. */
export type OnEnd = (index: number, answer: { readonly status: number; readonly body: string }) => void;

/** A request that no load waits for; hosts answer its path without work. */
const FIRST_REQUEST = { index: 0, path: '/' } as const;

/** Keep-alive connections to one port, in LIFO order; opens a new one if none is idle, up to a limit. */
export class Pool {
  readonly #port: number;
  #onEnd: OnEnd;
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();
  readonly #maxConnections: number;
  /** Requests that wait for a connection, from `#firstWaiting` on. */
  readonly #waiting: { readonly index: number; readonly path: string }[] = [];
  #firstWaiting = 0;

  constructor(port: number, maxConnections: number) {
    this.#port = port;
    this.#maxConnections = maxConnections;
    this.#onEnd = () => undefined;
  }

  /**
   * Opens this many connections and has a request answered on each, all at the same time, so that the balancer has as many
   * connections to hosts. Resolves when all have ended, well or not, or after the timeout.
   */
  open(connections: number, timeoutMs: number): Promise<void> {
    const wanted = Math.min(connections, this.#maxConnections);
    let ended = 0;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#onEnd = () => {
        if (++ended < wanted) return;
        clearTimeout(timer);
        // Only now the last one is free.
        setImmediate(resolve);
      };
      if (wanted === 0) this.#onEnd(0, { status: 0, body: '' });
      for (let i = 0; i < wanted; i++) this.#open().send(FIRST_REQUEST.index, FIRST_REQUEST.path);
    });
  }

  /** Begins a load, which is called back for each of its requests. */
  begin(onEnd: OnEnd): void {
    this.#onEnd = onEnd;
  }

  send(index: number, path: string): void {
    const connection = this.#free.pop() ?? (this.#all.size < this.#maxConnections ? this.#open() : undefined);
    if (connection === undefined) this.#waiting.push({ index, path });
    else connection.send(index, path);
  }

  #open(): Connection {
    const connection = new Connection(
      this.#port,
      (index, answer) => this.#onEnd(index, answer),
      (free) => {
        this.#free.push(free);
        this.#sendWaiting();
      },
      (closed) => {
        this.#forget(closed);
        this.#sendWaiting();
      },
    );
    this.#all.add(connection);
    return connection;
  }

  #sendWaiting(): void {
    const next = this.#waiting[this.#firstWaiting];
    if (next === undefined) return;
    this.#firstWaiting++;
    this.send(next.index, next.path);
  }

  close(): void {
    this.#firstWaiting = this.#waiting.length;
    for (const connection of this.#all) connection.close();
  }

  #forget(connection: Connection): void {
    this.#all.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
  }
}

/** A connection with at most one request in flight. */
class Connection {
  readonly #socket: Socket;
  readonly #onEnd: OnEnd;
  readonly #onFree: (connection: Connection) => void;
  #index = -1;
  #text = '';
  #error = 'the connection was closed';

  constructor(port: number, onEnd: OnEnd, onFree: (connection: Connection) => void, onClosed: (connection: Connection) => void) {
    this.#onEnd = onEnd;
    this.#onFree = onFree;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (chunk) => this.#take(String(chunk)));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message;
    });
    this.#socket.on('close', () => {
      onClosed(this);
      this.#finish({ status: 0, body: this.#error });
    });
  }

  send(index: number, path: string): void {
    this.#index = index;
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: bench\r\nX-Request: ${index}\r\n\r\n`);
  }

  /** Closes the connection; its pending request counts as neither answered nor failed. */
  close(): void {
    this.#index = -1;
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const answer = readAnswer(this.#text);
    if (answer === undefined) return;
    this.#text = '';
    this.#finish(answer);
    if (answer.isKept) this.#onFree(this);
    else this.#socket.destroy();
  }

  #finish(answer: { readonly status: number; readonly body: string }): void {
    const index = this.#index;
    this.#index = -1;
    if (index >= 0) this.#onEnd(index, answer);
  }
}
