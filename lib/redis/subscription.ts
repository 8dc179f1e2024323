// A subscription over one client: it resubscribes after each disconnect and reports when it has.

import { type Commands, isCluster, type Redis } from './ioredis.js';
import { isDenial, needsOperator, reasonOf, type RedisRole } from './reason.js';
import { type ConnectionEvents, watch } from './watch.js';

/** PING interval: an idle subscription would not notice a dead connection. */
const PING_EVERY_MS = 1000;

/** A self-restoring subscription; Redis keeps no messages published during a disconnect. */
export interface Subscription {
  /**
   * Stops reading the socket until `release`, so that data stays in the kernel: a reader that batches messages need not
   * be woken for each one. A lost connection is noticed only then. No effect with a Cluster.
   */
  hold(): void;
  /** Resumes reading. If called from a timer, some or all pending data is read before `setImmediate` callbacks run. */
  release(): void;
  close(): void;
}

/** Subscribes with a dedicated client; closing the subscription closes the client. */
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
    // A denied PING is a sign of life too.
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
      // A close is noticed only while the socket is being read.
      held?.readStart();
      client.disconnect();
    },
  };
}

/** The libuv handle of a Node.js socket. */
interface SocketHandle {
  readStop(): void;
  readStart(): void;
}

/**
 * A paused socket still reads up to 16 kB into its buffer, and wakes up for each chunk; only the handle below it can
 * stop reading. The handle is undocumented: without it, `hold` has no effect.
 */
function handleOf({ stream }: Redis): SocketHandle | undefined {
  const handle = (stream === undefined ? undefined : Reflect.get(stream, '_handle')) as Partial<SocketHandle> | null | undefined;
  return typeof handle?.readStop === 'function' && typeof handle.readStart === 'function' ? (handle as SocketHandle) : undefined;
}
