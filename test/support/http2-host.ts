// A host that speaks HTTP/2: a real server of node:http2, with what a test looks at.

import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { TlsPair } from './raw-host.js';

/** Answers one request. @param raw its header fields as they came: name, value, name, value, … */
export type Http2Handler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) => void;

/** A running host. */
export interface Http2Host {
  /** `h2://…`, over TLS `h2+tls://…`. */
  readonly url: string;
  readonly port: number;
  /** All connections so far, and those that are open. */
  readonly sessions: readonly ServerHttp2Session[];
  readonly open: ReadonlySet<ServerHttp2Session>;
  readonly sockets: ReadonlySet<Socket>;
  /** The codes with which clients have reset streams. */
  readonly resets: readonly number[];
  readonly server: Http2Server;
}

/** Options of a host. */
export interface Http2HostOptions extends ServerOptions {
  readonly tls?: TlsPair;
  readonly port?: number;
  /** Of loopback; 127.0.0.1 by default. */
  readonly address?: string;
}

/** Serves `handler`, then closes the server and every connection. */
export async function withHttp2Host<T>(
  handler: Http2Handler,
  fn: (host: Http2Host) => T | Promise<T>,
  { tls, port: wanted = 0, address = '127.0.0.1', ...options }: Http2HostOptions = {},
): Promise<T> {
  const sessions: ServerHttp2Session[] = [];
  const open = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const resets: number[] = [];
  const server = tls === undefined ? createServer(options) : createSecureServer({ ...options, ...tls });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => {
    sessions.push(session);
    open.add(session);
    session.on('error', () => undefined).once('close', () => open.delete(session));
  });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, flags: number, raw: string[]) => {
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (stream.rstCode !== 0) resets.push(stream.rstCode);
    });
    // Node's server resets a stream whose request was not read, and its END_STREAM may be lost then.
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) stream.resume();
    handler(stream, headers, raw);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(wanted, address, resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await fn({
      url: `${tls === undefined ? 'h2' : 'h2+tls'}://127.0.0.1:${port}`,
      port,
      sessions,
      open,
      sockets,
      resets,
      server: server as Http2Server,
    });
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const session of open) session.destroy();
    for (const socket of sockets) socket.destroy();
    await closed;
  }
}

/** Answers with a status and a text. */
export function answer(stream: ServerHttp2Stream, text: string, headers: Readonly<Record<string, string | number>> = {}): void {
  stream.respond({ ':status': 200, 'content-length': Buffer.byteLength(text), ...headers });
  stream.end(text);
}
