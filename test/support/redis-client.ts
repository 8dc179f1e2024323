// Connections to a test's Redis, made by the same code as in production and closed afterwards.

import { parseRedisAddress } from '../../lib/redis/address.js';
import { type Commands, openCommands } from '../../lib/redis/connect.js';
import { until } from './until.js';

/** Resolves when each of these connections can be used (again). */
export async function areReady(...clients: readonly Commands[]): Promise<void> {
  await until(() => clients.every(({ status }) => status === 'ready'), { what: 'the connections to Redis', everyMs: 3 });
}

/**
 * Runs `ask` on a Redis that hangs, and gives its outcome, a rejection too, and how many time limits of single commands, half a second each,
 * had passed by then; 3 at most. Measured so because a machine that stalls delays both alike.
 */
export async function inTimeLimits<T>(client: Commands, ask: () => Promise<T>): Promise<{ outcome: T | Error; limits: number }> {
  let limits = 0;
  const counting = (async () => {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    for (; limits < 3; limits++) await client.ping().catch(() => undefined);
  })();
  const outcome = await ask().catch((error: Error) => error);
  const passed = limits;
  await counting;
  return { outcome, limits: passed };
}

/** Opens a connection to each of these URLs, hands them out when they are ready, and closes them. */
export async function withClients<const Urls extends readonly string[], T>(
  urls: Urls,
  fn: (...clients: { -readonly [I in keyof Urls]: Commands }) => T | Promise<T>,
): Promise<T> {
  const clients = urls.map((url) => openCommands(parseRedisAddress(url)));
  try {
    await areReady(...clients);
    return await fn(...(clients as { -readonly [I in keyof Urls]: Commands }));
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Fills a Redis that was started with `--maxmemory` until it refuses to write. */
export async function fillUp(client: Commands, prefix = 'filler'): Promise<void> {
  for (let size = 100_000, i = 0; size >= 1; ) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- each write changes what the next one finds
      await client.set(`${prefix}:${i++}`, 'x'.repeat(size));
    } catch (error) {
      if (!String(error).includes('OOM')) throw error;
      size = Math.floor(size / 10);
    }
  }
}
