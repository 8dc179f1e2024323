// Places that a test can have for itself: a directory, a port.
// Two tests that run at once are never given the same one.

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Hands out a fresh empty directory, and removes it with all that is in it. */
export async function withTempDir<T>(fn: (dir: string) => T | Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'meercat-test-'));
  try {
    return await fn(dir);
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const portsGiven = new Set<number>();

/**
 * A port on 127.0.0.1 that nobody listens on, never the same one twice in a process.
 * It lies below the range from which the kernel takes ports of outgoing connections, so that it is still free
 * when a stopped server comes back on it, and below 50000, since Redis Cluster's bus adds 10000.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (portsGiven.has(port) || !(await canListen(port))) continue;
    portsGiven.add(port);
    return port;
  }
  throw new Error(`found no free port between ${FIRST_PORT} and ${LAST_PORT}`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
