// Node's request and response, made cheaper for a server that reads bodies itself. The request reads nothing. The
// response has one more way out: an answer whose whole body is at hand goes out in one write. Node itself
// writes it in two parts, which costs a gathered write and its bookkeeping for each small answer.

import { IncomingMessage, ServerResponse } from 'node:http';
import type { Startable } from './client-side.js';

/** Node's own names for the head that `writeHead` made and whether it was sent. */
interface Inner {
  _header: string | null;
  _headerSent: boolean;
  finished: boolean;
}

/** A request as Node's server is told of it: without a target, headers, or a body to be read. */
export class AnnouncedRequest extends IncomingMessage {
  /** The attempt that is made for it: http-proxy hands requests on, and this with them. */
  attempt: Startable | undefined;

  /** Makes it the connection's next request. */
  announce(method: 'GET' | 'HEAD', minorVersion: 0 | 1): void {
    this.method = method;
    this.httpVersionMajor = 1;
    this.httpVersionMinor = minorVersion;
    this.complete = true;
    this.attempt = undefined;
  }

  /** Node would read a body that nobody wants to its end, which costs three turns of its queue for nothing. */
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  _dump(): void {
    // There is none.
  }
}

/** Who is told what becomes of a response; set once, before anything is sent. */
export interface ResponseOwner {
  /** The answer was handed to the system. */
  onFinished(): void;
  /** The connection has closed, or the answer is over. */
  onClosed(): void;
}

/** A response that `http.createServer` is told to use. */
export class OneWriteResponse extends ServerResponse {
  #owner: ResponseOwner | undefined;

  /** Who is told from now on. */
  watch(owner: ResponseOwner): void {
    this.#owner = owner;
  }

  /** Tells the owner without listeners: three for each response would cost more than this. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    // A client that resets: `close` follows.
    if (event === 'error') return true;
    const isHeard = super.emit(event, ...args);
    if (event === 'finish') this.#owner?.onFinished();
    else if (event === 'close') this.#owner?.onClosed();
    return isHeard;
  }

  /**
   * Sends a whole answer; in place of `writeHead` and `end`.
   * @param body latin1; its length is what a Content-Length among the headers says
   */
  sendWhole(status: number, reason: string, headers: readonly string[], body: string): void {
    this.writeHead(status, reason, headers as string[]);
    const inner = this as unknown as Inner;
    const { socket } = this;
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    const head = inner._header;
    // Whatever is not as expected goes Node's way.
    if (socket === null || head === null || this.chunkedEncoding || !socket.writable) {
      this.end(body, 'latin1');
      return;
    }
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    inner._headerSent = true;
    inner.finished = true;
    socket.write(head + body, 'latin1', () => this.emit('finish'));
  }
}
