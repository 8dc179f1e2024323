// Folds the many events of an ioredis client into two: ready, and lost for a reason.

import type { Commands } from './ioredis.js';
import { CLOSED, NO_DATABASE, reasonOf } from './reason.js';

/** What a connection tells its owner. Each change is told once, not each attempt. */
export interface ConnectionEvents {
  /** Connected, authenticated, and ready for commands; after each reconnect again. */
  onReady?(): void;
  /** Not usable from now on, for this reason. Attempts go on. */
  onLost?(reason: string): void;
}

/** Folds the client's many events into ready and lost, once per change. */
export function watch(client: Commands, events: ConnectionEvents): Commands {
  let isReady: boolean | undefined;
  let lastError = CLOSED;
  const lose = (): void => {
    if (isReady === false) return;
    isReady = false;
    events.onLost?.(lastError);
    lastError = CLOSED;
  };
  client.on('error', (error: Error) => {
    // A Cluster's own error only says that all nodes failed; the last of theirs says why.
    const { lastNodeError } = error as { lastNodeError?: Error };
    lastError = reasonOf(lastNodeError ?? error);
    // ioredis would go on in database 0 when the one it was told does not exist.
    if (NO_DATABASE.test(lastError)) client.disconnect(true);
    // While no Sentinel answers there is no connection yet that could close.
    if (isReady === undefined) lose();
  });
  client.on('ready', () => {
    isReady = true;
    events.onReady?.();
  });
  client.on('close', lose);
  return client;
}
