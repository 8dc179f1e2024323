// The Redis of `meercat up`: started on a port of its own, started again when it ends, on that same port.
// Invariant: a stop ends whichever is running or just starting.

import { formatDuration } from '../config/config.js';
import { messageOf } from '../errors.js';
import type { Shutdown } from '../shutdown.js';
import { RESTART_AFTER_MS } from './kept-process.js';
import { chooseRedisPort, type LocalRedis, startLocalRedis } from './local-server.js';

/** What to start, and the callbacks. */
export interface LocalRedisOptions {
  /** Where it listens when that port is free; else on the next one that is. */
  readonly port: number;
  /** The compiled file of the command line, which can run the Redis in JavaScript. */
  readonly entry: string;
  /** One line for people: that it ended, or can't be started. */
  readonly onLine: (line: string) => void;
  /** Gets what ends it. */
  readonly shutdown: Shutdown;
}

/**
 * Starts a Redis and keeps it running until `shutdown` runs. Rejects with MEERCAT_NO_REDIS when the first start fails;
 * later ones are tried again and again.
 */
export async function keepLocalRedis({ port: wanted, entry, onLine, shutdown }: LocalRedisOptions): Promise<LocalRedis> {
  const port = await chooseRedisPort(wanted);
  let isStopping = false;
  let isFailing = false;
  let restartTimer: NodeJS.Timeout | undefined;
  let current: LocalRedis | undefined;
  const launch = (): Promise<LocalRedis> =>
    startLocalRedis(port, [entry, 'embedded-redis', '--port'], () => {
      onLine(`redis ended; started again in ${formatDuration(RESTART_AFTER_MS)}`);
      restartTimer = setTimeout(() => void relaunch(), RESTART_AFTER_MS);
    });
  const relaunch = async (): Promise<void> => {
    if (isStopping) return;
    current = await launch().catch((error: unknown) => {
      // Tried on, said once: a person may have started one there by hand, and may end it again.
      if (!isFailing) onLine(`redis is not started again for now: ${messageOf(error)}`);
      isFailing = true;
      restartTimer = setTimeout(() => void relaunch(), RESTART_AFTER_MS);
      return undefined;
    });
    if (current !== undefined) isFailing = false;
    // Stopped while it started: nobody else would end it.
    if (isStopping) await current?.stop();
  };
  shutdown.add(async () => {
    isStopping = true;
    clearTimeout(restartTimer);
    await current?.stop();
  });
  current = await launch();
  return current;
}
