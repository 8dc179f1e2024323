// A client of HTTP/2 for tests: node:http2 over TLS or plain, one connection a bracket.

import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';

/** What a request was answered with. */
export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  /** The informational heads before it. */
  readonly informational: readonly IncomingHttpHeaders[];
}

/** Where to connect to. */
export interface Http2Place {
  readonly port: number;
  /** The CA of a balancer with TLS; undefined: plain. */
  readonly ca?: string | undefined;
}

/** Connects, hands the session out, and destroys it. */
export async function withHttp2Client<T>({ port, ca }: Http2Place, fn: (session: ClientHttp2Session) => T | Promise<T>): Promise<T> {
  const session =
    ca === undefined ? connect(`http://127.0.0.1:${port}`) : connect(`https://127.0.0.1:${port}`, { ca, servername: 'localhost' });
  session.on('error', () => undefined);
  try {
    await once(session, 'connect');
    return await fn(session);
  } finally {
    session.destroy();
  }
}

/** Asks and reads the whole answer; rejects when the stream is reset. @param body undefined: none; trailers go with one */
export function askHttp2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders = {},
  body?: string | Buffer,
  trailers?: OutgoingHttpHeaders,
): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      { ':method': body === undefined ? 'GET' : 'POST', ...headers },
      { endStream: body === undefined, waitForTrailers: trailers !== undefined },
    );
    let answered: IncomingHttpHeaders = {};
    let ended: IncomingHttpHeaders = {};
    const informational: IncomingHttpHeaders[] = [];
    const parts: Buffer[] = [];
    stream.on('headers', (fields) => informational.push(fields));
    stream.on('response', (fields) => (answered = fields));
    stream.on('trailers', (fields) => (ended = fields));
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.on('error', reject);
    stream.on('close', () => {
      const status = Number(answered[':status'] ?? 0);
      const text = Buffer.concat(parts).toString('latin1');
      if (status === 0 || stream.rstCode !== 0) reject(new Error(`reset with code ${stream.rstCode}`));
      else resolve({ status, headers: answered, body: text, trailers: ended, informational });
    });
    if (body !== undefined) stream.end(body);
  });
}
