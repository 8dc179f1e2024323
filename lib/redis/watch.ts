// Folds the many events of an ioredis client into two: ready, and lost for a reason.

import type { Log } from '../log.js';
import { type Commands, isCluster } from './ioredis.js';
import { CONNECTION_CLOSED, isDatabaseRefused, isDenial, needsOperator, reasonOf, type RedisRole } from './reason.js';

/** What a connection tells its owner. Each change is told once, not each attempt. */
export interface ConnectionEvents {
  /** Connected, authenticated, and ready for commands; after each reconnect again. */
  onReady?(): void;
  /**
   * Not usable from now on, for this reason. Attempts go on; it comes again when one of them is refused for another
   * reason that someone must mend, such as a password that was changed meanwhile.
   */
  onLost?(reason: string): void;
}

/** Folds the client's many events into ready and lost, once per change. */
export function watch(client: Commands, events: ConnectionEvents, role: RedisRole = 'Redis'): Commands {
  let isReady: boolean | undefined;
  let lastError = CONNECTION_CLOSED;
  let told: string | undefined;
  const lose = (): void => {
    const reason = lastError;
    lastError = CONNECTION_CLOSED;
    if (isReady === false && (reason === told || !needsOperator(reason))) return;
    isReady = false;
    told = reason;
    events.onLost?.(reason);
  };
  client.on('error', (error: Error) => {
    // That all nodes of a Cluster failed, or all Sentinels, says little; the error of one of them says why.
    const { lastNodeError, knownReason } = error as { lastNodeError?: Error; knownReason?: string };
    lastError = knownReason ?? reasonOf(lastNodeError ?? error, role);
    if (!isCluster(client) && isDatabaseRefused(error)) client.disconnect(true);
    // While no Sentinel answers there is no connection yet that could close.
    if (isReady === undefined || (isReady === false && needsOperator(lastError))) lose();
  });
  client.on('ready', () => {
    isReady = true;
    told = undefined;
    events.onReady?.();
  });
  client.on('close', lose);
  return client;
}

/** For `onLost` of a subscription whose connection others report on: says when Redis lets it in, but denies it this channel. */
export function logDenial(log: Log, channel: string): (reason: string) => void {
  return (reason) => {
    if (isDenial(reason)) log('warn', 'redis denies a subscription', { channel, reason });
  };
}
