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
const THOUSANDS = 12;
const portsGiven = new Set<number>();

/** Ports in a row, of which the first is given: the rest stays within the band. */
const IN_A_ROW = 8;

/**
 * Files that run at once take their ports from different bands of each thousand, so that none takes what another was
 * given and does not listen on yet; fleets' consoles (1000 higher) and Redis Cluster's bus (10000 higher) lie in the
 * same band. The runner says which, as `2/6`; a file that runs alone has all.
 */
const [BAND = 0, BANDS = 1] = (process.env['MEERCAT_TEST_BAND'] ?? '0/1').split('/').map(Number);
const BAND_WIDTH = Math.floor(1000 / BANDS);

/**
 * A port on 127.0.0.1 that nobody listens on, never the same one twice in a process.
 * It lies below the range from which the kernel takes ports of outgoing connections, so that it is still free
 * when a stopped server comes back on it, and below 50000, since Redis Cluster's bus adds 10000.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port =
      FIRST_PORT + 1000 * Math.floor(Math.random() * THOUSANDS) + BAND * BAND_WIDTH + Math.floor(Math.random() * (BAND_WIDTH - IN_A_ROW));
    if (portsGiven.has(port) || !(await canListen(port))) continue;
    portsGiven.add(port);
    return port;
  }
  throw new Error(`found no free port from ${FIRST_PORT} on`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
