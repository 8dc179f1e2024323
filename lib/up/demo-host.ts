// A small host for `meercat up`: it responds with its name, or also with the request that it got, and burns real CPU on
// request, so that there is load to balance. It speaks HTTP/1 and, by prior knowledge, HTTP/2. Not for production.

import { createServer as createHttp1Server, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server, type Http2ServerRequest } from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { MeercatError } from '../errors.js';

/** Maximum CPU burnt per request. */
const MAX_WORK_MS = 10_000;

/** Maximum CPU burnt without yielding, so that a busy host still handles signals. */
const SLICE_MS = 50;

/** A running demo host. */
export interface DemoHost {
  readonly port: number;
  close(): void;
}

/** What a demo host answers. */
export interface DemoHostOptions {
  readonly name: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Whether answers show the request's line and header fields after the name, so that one sees what routes changed. */
  readonly isShowing: boolean;
}

const TEXT = { 'Content-Type': 'text/plain' };

/** A response, of either protocol. */
interface Responder {
  writeHead(status: number, headers: OutgoingHttpHeaders): { end(body: string): unknown };
}

/** Starts a demo host on loopback. `GET /work?ms=5`, or any path below, burns 5 ms of CPU; every path answers the name. */
export function startDemoHost({ name, port, isShowing }: DemoHostOptions): Promise<DemoHost> {
  const answer = async (request: IncomingMessage | Http2ServerRequest, response: Responder): Promise<void> => {
    // Split by hand: the URL parser rejects some paths, such as //.
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (path === '/work' || path.startsWith('/work/')) {
      const ms = Number(new URLSearchParams(query).get('ms') ?? '5');
      if (!(ms >= 0 && ms <= MAX_WORK_MS)) {
        response.writeHead(400, TEXT).end(`ms: 0 to ${MAX_WORK_MS}\n`);
        return;
      }
      await burn(ms);
    }
    request.resume();
    response.writeHead(200, { ...TEXT, 'X-Host': name }).end(`${name}\n${isShowing ? shown(request) : ''}`);
  };
  const http1 = createHttp1Server((request, response) => void answer(request, response));
  http1.keepAliveTimeout = 60_000;
  const http2 = createHttp2Server((request, response) => void answer(request, response));
  http2.on('sessionError', () => undefined);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', (bytes) => {
      socket.pause();
      socket.unshift(bytes);
      const isHttp2 = bytes.toString('latin1', 0, 3) === 'PRI';
      (isHttp2 ? http2 : http1).emit('connection', socket);
      // HTTP/2 takes what was put back by itself.
      if (!isHttp2) socket.resume();
    });
  });
  return new Promise((resolve, reject) => {
    server.on('error', (error) => reject(new MeercatError('MEERCAT_PORT_TAKEN', `demo host ${name}: ${error.message}`, { cause: error })));
    server.listen(port, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close() {
          server.close();
          for (const socket of sockets) socket.destroy();
        },
      });
    });
  });
}

/** A request's head as it was received, one line each. */
function shown({ method, url, httpVersion, rawHeaders }: IncomingMessage | Http2ServerRequest): string {
  const fields = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
  return [`${method} ${url} HTTP/${httpVersion}`, ...fields, ''].join('\n');
}

/** Burns this much CPU time of the process, however long that takes; long burns yield to the event loop. */
async function burn(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= SLICE_MS) {
    burnAtOnce(Math.min(leftMs, SLICE_MS));
    // oxlint-disable-next-line no-await-in-loop -- yields to the event loop
    if (leftMs > SLICE_MS) await new Promise((resolve) => setImmediate(resolve));
  }
}

function burnAtOnce(ms: number): void {
  const start = process.cpuUsage();
  for (;;) {
    const { user, system } = process.cpuUsage(start);
    if (user + system >= ms * 1000) return;
    for (let i = 0; i < 10_000; i++) Math.sqrt(i);
  }
}
