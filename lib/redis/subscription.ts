// A subscription over one client: it restores itself after each loss, and says when it has.

import { type Commands, isCluster, type Redis } from './ioredis.js';
import { isDenial, needsOperator, reasonOf, type RedisRole } from './reason.js';
import { type ConnectionEvents, watch } from './watch.js';

/** A subscriber hears nothing for long: it asks for a sign of life at this pace. */
const PING_EVERY_MS = 1000;

/** A subscription that restores itself; nothing that was published meanwhile is kept by Redis. */
export interface Subscription {
  /**
   * Leaves what comes unread, with the operating system, until `release`: who gathers messages anyway need not be woken
   * for each of them. A connection that is lost meanwhile is noticed then. Not with a Cluster.
   */
  hold(): void;
  /** Goes on reading; where a timer calls this, some of what came, or all, is read before what it sets for `setImmediate`. */
  release(): void;
  close(): void;
}

/** Subscribes with a client that nobody else uses; closing the subscription ends it. */
export function subscribeWith(
  client: Commands,
  channels: readonly string[],
  onMessage: (channel: string, text: string) => void,
  events: ConnectionEvents,
  role: RedisRole = 'Redis',
): Subscription {
  let lostReason: string | undefined;
  const lose = (reason: string): void => {
    if (lostReason !== undefined && (reason === lostReason || !needsOperator(reason))) return;
    lostReason = reason;
    events.onLost?.(reason);
  };
  const subscribe = (): void => {
    client.subscribe(...channels).then(
      () => {
        lostReason = undefined;
        events.onReady?.();
      },
      (error: unknown) => {
        lose(reasonOf(error, role));
        client.disconnect(true);
      },
    );
  };
  client.on('message', onMessage);
  watch(client, { onReady: subscribe, onLost: lose }, role);
  const ping = setInterval(() => {
    if (client.status !== 'ready') return;
    // That PING is denied is a sign of life too.
    client.ping().catch((error: unknown) => isDenial(reasonOf(error)) || client.disconnect(true));
  }, PING_EVERY_MS);
  let held: SocketHandle | undefined;
  return {
    hold() {
      held = client.status === 'ready' && !isCluster(client) ? handleOf(client) : undefined;
      held?.readStop();
    },
    release() {
      held?.readStart();
      held = undefined;
    },
    close() {
      clearInterval(ping);
      // The close is only noticed while the socket is read.
      held?.readStart();
      client.disconnect();
    },
  };
}

/** What a socket of Node.js reads through. */
interface SocketHandle {
  readStop(): void;
  readStart(): void;
}

/**
 * `pause()` of a socket still takes up to 16 kB into its own buffer, and wakes up for each part; the handle below it
 * can be told to stop. It is no documented interface: without it nothing is held.
 */
function handleOf({ stream }: Redis): SocketHandle | undefined {
  const handle = (stream === undefined ? undefined : Reflect.get(stream, '_handle')) as Partial<SocketHandle> | null | undefined;
  return typeof handle?.readStop === 'function' && typeof handle.readStart === 'function' ? (handle as SocketHandle) : undefined;
}
