// A host of a chaos run, as a process of its own: it answers every path with its name and the path, over HTTP/1.1 or over
// HTTP/2 with prior knowledge, and misbehaves when it is told to.

import { createServer, type Server } from 'node:http';
import { createServer as createHttp2Server, type Http2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { clearTimeout, setTimeout } from 'node:timers';

/** How a host behaves. */
export interface HostBehaviour {
  /** The status of all answers, those to health checks too. */
  readonly status: number;
  /** How long each answer takes. */
  readonly delayMs: number;
  /** Closes each connection this long after an answer, without having said so; null to keep it. */
  readonly closeAfterMs: number | null;
}

/** A host without faults. */
export const WELL_BEHAVED: HostBehaviour = { status: 200, delayMs: 0, closeAfterMs: null };

/** Answers below this path take {@link SLOW_MS}: they are in flight when something dies. */
export const SLOW_PATH = '/slow/';
const SLOW_MS = 200;

/** One request, whatever protocol it came by. */
interface Asked {
  readonly method: string;
  readonly path: string;
  /** Answers it. */
  reply(status: number, body: string): void;
  /** Ends its connection at once. */
  cut(): void;
}

/** A server that hands each request out, with what is called when it has ended. */
type Serve = (onRequest: (asked: Asked) => () => void) => Server | Http2Server;

const serveHttp1: Serve = (onRequest) => {
  const server = createServer((request, response) => {
    request.resume();
    const onEnd = onRequest({
      method: request.method ?? '',
      path: request.url ?? '/',
      reply(status, body) {
        response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': Buffer.byteLength(body) }).end(body);
      },
      cut: () => request.socket.destroy(),
    });
    response.on('close', onEnd);
  });
  server.keepAliveTimeout = 60_000;
  return server;
};

const serveHttp2: Serve = (onRequest) => {
  const server = createHttp2Server();
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined).resume();
    const onEnd = onRequest({
      method: headers[':method'] ?? '',
      path: headers[':path'] ?? '/',
      reply(status, body) {
        if (stream.destroyed || stream.closed) return;
        stream.respond({ ':status': status, 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) });
        stream.end(body);
      },
      cut: () => stream.session?.destroy(),
    });
    stream.on('close', onEnd);
  });
  return server;
};

/** Runs the role `chaos-host NAME PORT PROTOCOL`, `http1` or `h2`. It follows the messages `{ type: 'behave', … }` of its parent, and tells it of each POST. */
export async function runChaosHost([name = 'host', port = '0', protocol = 'http1']: readonly string[]): Promise<() => void> {
  let behaviour = WELL_BEHAVED;
  const serve = protocol === 'h2' ? serveHttp2 : serveHttp1;
  const sockets = new Set<Socket>();
  const server = serve(({ method, path, reply, cut }) => {
    const { status, delayMs, closeAfterMs } = behaviour;
    if (method === 'POST') process.send?.({ type: 'posted', path });
    const timer = setTimeout(() => reply(status, `${name} ${path}`), delayMs + (path.startsWith(SLOW_PATH) ? SLOW_MS : 0));
    return () => {
      clearTimeout(timer);
      if (closeAfterMs !== null) setTimeout(cut, closeAfterMs);
    };
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  process.on('message', (message: { readonly type?: string; readonly behaviour?: HostBehaviour }) => {
    if (message.type === 'behave') behaviour = message.behaviour ?? WELL_BEHAVED;
  });
  await new Promise<void>((resolve) => {
    server.listen(Number(port), '127.0.0.1', resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
}
