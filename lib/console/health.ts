// The console's health page, for whoever starts and stops balancers: 200 while serving, 503 while
// stopping. It listens on loopback only.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MeercatError } from '../errors.js';
import type { Role, Stamp } from '../model.js';

/** What the health page tells besides its status. */
export interface Health {
  readonly status: 'serving' | 'stopping';
  readonly name: string;
  readonly role: Role;
  /** The highest term that this balancer has seen. */
  readonly term: number;
  /** The stamp of the host table it routes on; of its mastership the first 12 digits. */
  readonly table: Stamp;
  readonly hosts: number;
  readonly inflight: number;
}

/** The running console. */
export interface Console {
  readonly port: number;
  close(): void;
}

/** Starts the console. Rejects when its port is taken. */
export function startConsole(port: number, health: () => Health): Promise<Console> {
  const server = createServer({ headersTimeout: 5000, requestTimeout: 5000, keepAliveTimeout: 5000 }, (request, response) => {
    const path = (request.url ?? '').split('?', 1)[0];
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Cache-Control', 'no-store');
    if (path !== '/.meercat/health') {
      response.writeHead(404).end('{"error":"MEERCAT_NOT_FOUND","message":"try /.meercat/health"}\n');
      return;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end('{"error":"MEERCAT_METHOD","message":"only GET and HEAD"}\n');
      return;
    }
    const state = health();
    response.writeHead(state.status === 'serving' ? 200 : 503).end(`${JSON.stringify(state)}\n`);
  });
  return new Promise((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      const what = error.code === 'EADDRINUSE' ? 'is taken' : `can't be used (${error.code ?? error.message})`;
      reject(new MeercatError('MEERCAT_PORT_TAKEN', `the console's port ${port} ${what}: choose another with --console-port`, { cause: error }));
    });
    // Exclusive: several processes behind one port have a console each.
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
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
