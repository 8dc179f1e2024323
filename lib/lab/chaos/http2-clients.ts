// Clients over HTTP/2 of a chaos run: to each balancer one connection that is kept, so that whatever ends it meets many
// streams. A stream that was refused before it was processed is sent again once, as every client does (RFC 9113, 8.7).

import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { RequestMethod } from './events.js';

/** An answer; status 0 means none, and `body` gives the reason. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A stream's end, and whether the balancer said that it did nothing with it. */
interface End extends Answer {
  readonly isRefused: boolean;
}

/** The connections, by the balancer's port. */
export class Http2Clients {
  readonly #sessions = new Map<number, ClientHttp2Session>();
  readonly #timeoutMs: number;

  /** @param timeoutMs how long an answer may take */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Sends one request. Never rejects. */
  async ask(port: number, method: RequestMethod, path: string, body: string | undefined): Promise<Answer> {
    const first = await this.#send(port, method, path, body);
    return first.isRefused ? this.#send(port, method, path, body) : first;
  }

  /** Closes all connections. */
  close(): void {
    for (const session of this.#sessions.values()) session.destroy();
  }

  #sessionTo(port: number): ClientHttp2Session {
    const open = this.#sessions.get(port);
    if (open !== undefined && !open.closed && !open.destroyed) return open;
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    this.#sessions.set(port, session);
    return session;
  }

  #send(port: number, method: RequestMethod, path: string, body: string | undefined): Promise<End> {
    return new Promise((resolve) => {
      const session = this.#sessionTo(port);
      let reason = '';
      const onError = (error: NodeJS.ErrnoException): void => {
        reason ||= error.code ?? error.message;
      };
      // What ended a connection says more than that its streams were cancelled.
      session.prependOnceListener('error', onError);
      const stream: ClientHttp2Stream = session.request({ ':method': method, ':path': path }, { endStream: body === undefined });
      let status = 0;
      let text = '';
      let isWhole = false;
      stream.on('response', (headers) => (status = headers[':status'] ?? 0));
      stream.setEncoding('utf8').on('data', (part: string) => (text += part));
      stream.on('end', () => (isWhole = true));
      stream.on('error', onError);
      stream.setTimeout(this.#timeoutMs, () => {
        reason ||= 'timeout';
        stream.close(constants.NGHTTP2_CANCEL);
      });
      stream.on('close', () => {
        session.off('error', onError);
        const isRefused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && status === 0;
        if (isWhole && status !== 0 && stream.rstCode === constants.NGHTTP2_NO_ERROR) resolve({ status, body: text, isRefused });
        else resolve({ status: 0, body: reason || `reset with code ${stream.rstCode}`, isRefused });
      });
      if (body !== undefined) stream.end(body);
    });
  }
}
