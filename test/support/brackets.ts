// Brackets: each passes a real resource to a function and cleans it up afterwards, even if the function throws. Used
// inside tests instead of hooks: uvu passes silently if a hook fails.

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { startProcess, type ProcessOptions, type RunningProcess } from './processes.js';

export { freePort, withTempDir } from './places.js';
export { until, type UntilOptions } from './until.js';
export { withRedis, type RedisOptions, type TestRedis } from './redis-server.js';
export type { ProcessExit, ProcessOptions, RunningProcess } from './processes.js';

/** Starts a process, hands it out, and ends it: SIGTERM first, SIGKILL three seconds later. */
export async function withProcess<T>(options: ProcessOptions, fn: (child: RunningProcess) => T | Promise<T>): Promise<T> {
  const child = await startProcess(options);
  try {
    return await fn(child);
  } finally {
    await child.stop();
  }
}

/** A plain HTTP server on loopback. */
export interface TestServer {
  /** Its origin, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly server: Server;
}

/** Serves `handler` on a free port of 127.0.0.1, then closes the server and every connection, upgraded ones too. */
export async function withServer<T>(handler: RequestListener, fn: (server: TestServer) => T | Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = createServer(handler).on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await fn({ url: `http://127.0.0.1:${port}`, port, server });
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  }
}
