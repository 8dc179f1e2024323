// A small host for `meercat up`: it answers its name and burns real CPU when asked to, so that there is
// something to balance. Not for production.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MeercatError } from '../errors.js';

/** More CPU than this is not burnt for one request. */
const MAX_WORK_MS = 10_000;

/** No longer than this at a time, so that a host at work still hears that it shall stop. */
const SLICE_MS = 50;

/** A running demo host. */
export interface DemoHost {
  readonly port: number;
  close(): void;
}

/** Starts a demo host on loopback. `GET /work?ms=5`, or any path below, burns 5 ms of CPU; every path answers the name. */
export function startDemoHost(name: string, port: number): Promise<DemoHost> {
  const server = createServer(async (request, response) => {
    // By hand: as a URL some paths can't be read, such as //.
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
    response.writeHead(200, { 'Content-Type': 'text/plain', 'X-Host': name }).end(`${name}\n`);
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

/** Burns this much CPU time of the process, however long that takes; a long burn lets others in between. */
async function burn(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= SLICE_MS) {
    burnAtOnce(Math.min(leftMs, SLICE_MS));
    // oxlint-disable-next-line no-await-in-loop -- to let others in is what it is for
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
