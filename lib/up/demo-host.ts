// A small host for `meercat up`: it responds with its name, or also with the request that it got, and burns real CPU on
// request, so that there is load to balance. Not for production.

import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
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

/** Starts a demo host on loopback. `GET /work?ms=5`, or any path below, burns 5 ms of CPU; every path answers the name. */
export function startDemoHost({ name, port, isShowing }: DemoHostOptions): Promise<DemoHost> {
  const server = createServer(async (request, response) => {
    // Split by hand: the URL parser rejects some paths, such as //.
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (path === '/work' || path.startsWith('/work/')) {
      const ms = Number(new URLSearchParams(query).get('ms') ?? '5');
      if (!(ms >= 0 && ms <= MAX_WORK_MS)) {
        response.writeHead(400, { 'Content-Type': 'text/plain' }).end(`ms: 0 to ${MAX_WORK_MS}\n`);
        return;
      }
      await burn(ms);
    }
    request.resume();
    response.writeHead(200, { 'Content-Type': 'text/plain', 'X-Host': name }).end(`${name}\n${isShowing ? shown(request) : ''}`);
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve, reject) => {
    server.on('error', (error) => reject(new MeercatError('MEERCAT_PORT_TAKEN', `demo host ${name}: ${error.message}`, { cause: error })));
    server.listen(port, '127.0.0.1', () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}

/** A request's head as it was received, one line each. */
function shown({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
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
