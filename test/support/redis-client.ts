// Connections to a test's Redis, made by the same code as in production and closed afterwards. They are patient: where the
// product gives up after half a second, a test's own question outlives a machine that stalls.

import { parseRedisAddress } from '../../lib/redis/address.js';
import { type Commands, isCluster, openCommands } from '../../lib/redis/connect.js';
import { until } from './until.js';

/** Resolves when each of these connections can be used (again). */
export async function areReady(...clients: readonly Commands[]): Promise<void> {
  await until(() => clients.every(({ status }) => status === 'ready'), { what: 'the connections to Redis', everyMs: 3 });
}

/** How long a test's own command may take; shorter than what a test waits for at most. */
const PATIENCE_MS = 15_000;

/** The limits of production, of connections that were made patient. */
const productLimits = new WeakMap<Commands, object>();

/** Gives a connection that was just opened the time limits of a test, in place of those of production. */
export function makePatient(client: Commands): Commands {
  const limits = { connectTimeout: PATIENCE_MS, commandTimeout: PATIENCE_MS, socketTimeout: PATIENCE_MS };
  if (isCluster(client)) {
    Object.assign(client.options, { redisOptions: { ...client.options.redisOptions, ...limits }, slotsRefreshTimeout: PATIENCE_MS });
  } else {
    const { connectTimeout, commandTimeout, socketTimeout } = client.options;
    productLimits.set(client, { connectTimeout, commandTimeout, socketTimeout });
    Object.assign(client.options, limits, { sentinelCommandTimeout: PATIENCE_MS });
  }
  return client;
}

/** Gives a connection to one server the time limits of production back, for a test of them. */
export function makeImpatient(client: Commands): void {
  Object.assign(client.options, productLimits.get(client));
}

/**
 * Runs `ask` on a Redis that hangs, and gives its outcome, a rejection too, and how many time limits of single commands, half a second each,
 * had passed by then; 3 at most. Measured so because a machine that stalls delays both alike; of an `ask` of several
 * commands not quite, so that three are asked at most until one is quick.
 */
export async function inTimeLimits<T>(client: Commands, ask: () => Promise<T>): Promise<{ outcome: T | Error; limits: number }> {
  makeImpatient(client);
  for (let attempt = 1; ; attempt++) {
    const taken = await onceInTimeLimits(client, ask);
    if (taken.limits < 3 || attempt === 3) return taken;
  }
}

async function onceInTimeLimits<T>(client: Commands, ask: () => Promise<T>): Promise<{ outcome: T | Error; limits: number }> {
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
  const clients = urls.map((url) => makePatient(openCommands(parseRedisAddress(url))));
  try {
    await areReady(...clients);
    return await fn(...(clients as { -readonly [I in keyof Urls]: Commands }));
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/**
 * Hears what is published on these channels while `fn` runs. The subscriber of production takes a Redis that does not
 * answer for half a second for dead, and misses what is published until it is back; this one waits.
 */
export function withListener<T>(
  url: string,
  channels: readonly string[],
  onMessage: (channel: string, text: string) => void,
  fn: () => T | Promise<T>,
): Promise<T> {
  return withClients([url], async (client) => {
    client.on('message', onMessage);
    client.on('ready', () => void client.subscribe(...channels).catch(() => undefined));
    await client.subscribe(...channels);
    return fn();
  });
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
