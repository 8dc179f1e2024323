// Reduces the many events of an ioredis client to two: ready, and lost with a reason.

import type { Log } from '../log.js';
import { type Commands, isCluster } from './ioredis.js';
import { CONNECTION_CLOSED, isDatabaseRefused, isDenial, needsOperator, reasonOf, type RedisRole } from './reason.js';

/** Events of a connection: one per state change, not per attempt. */
export interface ConnectionEvents {
  /** Connected, authenticated and ready for commands; also after each reconnect. */
  onReady?(): void;
  /**
   * The connection became unusable, for this reason. Reconnects continue; called again if one is rejected for another
   * reason that an operator must fix, such as a changed password.
   */
  onLost?(reason: string): void;
}

/** Reduces the client's events to ready and lost, one per state change. */
export function watch(client: Commands, events: ConnectionEvents, role: RedisRole = 'Redis'): Commands {
  let isReady: boolean | undefined;
  let lastError = CONNECTION_CLOSED;
  let lastReported: string | undefined;
  const lose = (): void => {
    const reason = lastError;
    lastError = CONNECTION_CLOSED;
    if (isReady === false && (reason === lastReported || !needsOperator(reason))) return;
    isReady = false;
    lastReported = reason;
    events.onLost?.(reason);
  };
  client.on('error', (error: Error) => {
    // "All nodes failed" (Cluster, Sentinels) says little; the last node's error gives the reason.
    const { lastNodeError, knownReason } = error as { lastNodeError?: Error; knownReason?: string };
    lastError = knownReason ?? reasonOf(lastNodeError ?? error, role);
    if (!isCluster(client) && isDatabaseRefused(error)) client.disconnect(true);
    // While no Sentinel answers there is no connection yet, so no close event.
    if (isReady === undefined || (isReady === false && needsOperator(lastError))) lose();
  });
  client.on('ready', () => {
    isReady = true;
    lastReported = undefined;
    events.onReady?.();
  });
  client.on('close', lose);
  return client;
}

/** For `onLost` of a subscription whose connection is reported elsewhere: logs only that Redis denies the channel. */
export function logDenial(log: Log, channel: string): (reason: string) => void {
  return (reason) => {
    if (isDenial(reason)) log('warn', 'redis denies a subscription', { channel, reason });
  };
}
