// Runs in the main thread: hands requests for pages to the fleet thread and writes what comes back. Invariant: every
// exchange ends, whatever the fleet thread and the client do; one client holds at most 1 MiB and the bytes of one part.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FromPages, PageEntry, PageRequest, ToPages } from '../console-messages.js';
import { SECURITY_HEADERS, unavailable } from './answers.js';

/** Limits of exchanges with the fleet thread. */
export interface BridgeLimits {
  /** Longest time until the fleet thread begins an answer, and until it ends one that is no stream. */
  readonly answerTimeoutMs: number;
  /** Streams at one time; a further one is refused. */
  readonly maxStreams: number;
  /** A stream whose client is behind by more than this is closed. */
  readonly maxPendingBytes: number;
  /** A stream whose client has taken nothing for this long, though there was something to take, is closed. */
  readonly stallTimeoutMs: number;
}

/** A page that shows nothing for 5 s has failed; streams are for people's browsers. */
export const BRIDGE_LIMITS: BridgeLimits = {
  answerTimeoutMs: 5000,
  maxStreams: 32,
  maxPendingBytes: 1_048_576,
  stallTimeoutMs: 15_000,
};

/** What is served and by whom, as the server asks. */
export interface PageBridge {
  /** The pages of the fleet thread; undefined until it has started for the first time. */
  readonly pages: readonly PageEntry[] | undefined;
  /** Whether a stream runs over this connection. */
  isStream(socket: Socket): boolean;
  /** Asks the page; the answer is written when it comes. */
  forward(response: ServerResponse, request: Omit<PageRequest, 'id'>): void;
}

/** An exchange that has not ended. */
interface Exchange {
  readonly response: ServerResponse;
  readonly isHead: boolean;
  timer: NodeJS.Timeout | undefined;
  /** The connection, of a stream alone. */
  stream: Socket | undefined;
  /** Bytes that the client has not taken, and since when it has taken nothing. */
  pendingBytes: number;
  waitingSinceMs: number;
}

/** The exchanges of one console. */
export class PageExchanges implements PageBridge {
  readonly #post: (message: ToPages) => void;
  readonly #limits: BridgeLimits;
  readonly #open = new Map<number, Exchange>();
  readonly #streams = new Set<Socket>();
  #lastId = 0;
  #isThreadUp = false;
  #pages: readonly PageEntry[] | undefined;

  /** @param post sends a message to the fleet thread */
  constructor(post: (message: ToPages) => void, limits: BridgeLimits = BRIDGE_LIMITS) {
    this.#post = post;
    this.#limits = limits;
  }

  /** How many exchanges have not ended. */
  get openExchanges(): number {
    return this.#open.size;
  }

  get pages(): readonly PageEntry[] | undefined {
    return this.#pages;
  }

  isStream(socket: Socket): boolean {
    return this.#streams.has(socket);
  }

  forward(response: ServerResponse, request: Omit<PageRequest, 'id'>): void {
    if (!this.#isThreadUp) {
      unavailable(response, 'the fleet thread of this balancer has not started yet, or starts again: try again in a second');
      return;
    }
    const id = ++this.#lastId;
    const exchange: Exchange = {
      response,
      isHead: request.method === 'HEAD',
      timer: setTimeout(() => this.#end(id, 'the fleet thread of this balancer does not answer: try again'), this.#limits.answerTimeoutMs),
      stream: undefined,
      pendingBytes: 0,
      waitingSinceMs: 0,
    };
    this.#open.set(id, exchange);
    // The server's own time for a client that takes nothing must not end one that waits for the page.
    response.socket?.setTimeout(0);
    response.on('close', () => {
      if (!this.#forget(id)) return;
      this.#post({ type: 'console-closed', id });
    });
    this.#post({ type: 'console-request', request: { ...request, id } });
  }

  /** Takes a message of the pages. */
  onMessage(message: FromPages): void {
    if (message.type === 'console-pages') {
      this.#pages = message.pages;
      this.#isThreadUp = true;
      return;
    }
    const exchange = this.#open.get(message.id);
    if (exchange === undefined) return;
    switch (message.type) {
      case 'console-head':
        this.#takeHead(message.id, exchange, message.status, message.headers);
        break;
      case 'console-chunk':
        this.#takeChunk(message.id, exchange, message.content, message.bytes);
        break;
      case 'console-end':
        this.#forget(message.id);
        // From now on it is up to the client alone.
        exchange.response.socket?.setTimeout(this.#limits.answerTimeoutMs);
        exchange.response.end(message.content);
        break;
      case 'console-broken':
        this.#forget(message.id);
        exchange.response.destroy();
        break;
    }
  }

  /** The fleet thread has died: what it was asked is answered without it, and streams end. */
  onThreadDeath(): void {
    this.#isThreadUp = false;
    for (const id of [...this.#open.keys()])
      this.#end(id, 'the fleet thread of this balancer has died and starts again: try again in a second');
  }

  #takeHead(id: number, exchange: Exchange, status: number, headers: Readonly<Record<string, string>>): void {
    const { response, isHead } = exchange;
    const isStream = headers['Content-Type']?.startsWith('text/event-stream') === true;
    if (isStream && !isHead && this.#streams.size >= this.#limits.maxStreams) {
      this.#end(id, `this console has ${this.#limits.maxStreams} streams already, which is its limit: close one, or ask another balancer`);
      this.#post({ type: 'console-closed', id });
      return;
    }
    response.writeHead(status, { ...SECURITY_HEADERS, ...headers });
    if (isStream && isHead) {
      this.#forget(id);
      response.end();
      this.#post({ type: 'console-closed', id });
    } else if (isStream) {
      clearTimeout(exchange.timer);
      if (response.socket !== null) this.#streams.add((exchange.stream = response.socket));
      response.flushHeaders();
    }
  }

  #takeChunk(id: number, exchange: Exchange, content: string | Uint8Array, bytes: number): void {
    const { maxPendingBytes, stallTimeoutMs } = this.#limits;
    const nowMs = performance.now();
    if (exchange.pendingBytes === 0) exchange.waitingSinceMs = nowMs;
    else if (
      exchange.stream !== undefined &&
      (exchange.pendingBytes > maxPendingBytes || nowMs - exchange.waitingSinceMs > stallTimeoutMs)
    ) {
      exchange.response.destroy();
      return;
    }
    exchange.pendingBytes += bytes;
    exchange.response.write(content, (error) => {
      if (error) return;
      exchange.pendingBytes -= bytes;
      exchange.waitingSinceMs = performance.now();
      if (this.#open.has(id)) this.#post({ type: 'console-drained', id, bytes });
    });
  }

  /** Ends an exchange that the fleet thread does not end. */
  #end(id: number, message: string): void {
    const exchange = this.#open.get(id);
    if (exchange === undefined) return;
    this.#forget(id);
    if (exchange.response.headersSent) exchange.response.destroy();
    else unavailable(exchange.response, message);
  }

  /** Whether it was open. */
  #forget(id: number): boolean {
    const exchange = this.#open.get(id);
    if (exchange === undefined) return false;
    clearTimeout(exchange.timer);
    if (exchange.stream !== undefined) this.#streams.delete(exchange.stream);
    return this.#open.delete(id);
  }
}
