// Connections to Redis, made so that nothing ever waits for one: no offline queue, no resending of what
// timed out, a ceiling on every wait, and reconnecting for ever at a bounded pace.

import { createRequire } from 'node:module';
import type { RedisOptions } from 'ioredis';
import { messageOf } from '../errors.js';
import type { Endpoint, RedisAddress } from './address.js';

// By `import`, Node would read all files of this CommonJS module a second time for the names that it exports:
// each thread that speaks with Redis would start a third later.
const require = createRequire(import.meta.url);
const { Cluster, Redis } = require('ioredis') as typeof import('ioredis');
type Cluster = InstanceType<typeof Cluster>;
type Redis = InstanceType<typeof Redis>;

/** A connection for commands; a single server, what a Sentinel points at, or a Cluster. */
export type Commands = Redis | Cluster;

/** Time for the TCP (and TLS) connect. */
const CONNECT_TIMEOUT_MS = 1000;

/** Time for one command. The lease counts on it: it is well under the lease's TTL. */
const COMMAND_TIMEOUT_MS = 500;

/** A connection that owes us an answer for so long is dead. */
const SOCKET_TIMEOUT_MS = 2000;

/** A subscriber hears nothing for long: it asks for a sign of life at this pace. */
const PING_EVERY_MS = 1000;

const MAX_RECONNECT_MS = 400;

const CLOSED = 'the connection was closed';

/** A replica refuses every write: it is left at most so often, or nothing could be read from it either. */
const LEAVE_REPLICA_EVERY_MS = 5000;

/** What Redis says of a database that it does not have. */
const NO_DATABASE = /DB index is out of range/;

/** Quick at first; then about three times a second, jittered so that a fleet does not return as one. */
function reconnectAfter(times: number): number {
  return Math.min(25 * 2 ** Math.min(times, 5), MAX_RECONNECT_MS) * (0.75 + Math.random() / 2);
}

/** What a connection tells its owner. Each change is told once, not each attempt. */
export interface ConnectionEvents {
  /** Connected, authenticated, and ready for commands; after each reconnect again. */
  onReady?(): void;
  /** Not usable from now on, for this reason. Attempts go on. */
  onLost?(reason: string): void;
}

/** Whether it speaks with a Cluster. */
export function isCluster(client: Commands): client is Cluster {
  return client instanceof Cluster;
}

/** Opens a connection for commands. It reports through `events`, and never throws later. */
export function openCommands(address: RedisAddress, events: ConnectionEvents = {}): Commands {
  return watch(create(address), events);
}

/** Resolves when the connection is ready, or after `timeoutMs` when it is not. */
export function untilReady(client: Commands, timeoutMs: number): Promise<void> {
  if (client.status === 'ready') return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      client.off('ready', end);
      resolve();
    };
    const timer = setTimeout(end, timeoutMs);
    client.once('ready', end);
  });
}

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

/**
 * Subscribes to channels. `onReady` comes after Redis has confirmed the subscription, each time anew:
 * then is the moment to read the snapshot.
 */
export function openSubscription(
  address: RedisAddress,
  channels: readonly string[],
  onMessage: (channel: string, text: string) => void,
  events: ConnectionEvents = {},
): Subscription {
  return subscribeWith(address.kind === 'cluster' ? createForOneOf(address) : create(address), channels, onMessage, events);
}

function subscribeWith(client: Commands, channels: readonly string[], onMessage: (channel: string, text: string) => void, events: ConnectionEvents): Subscription {
  let isLost = false;
  const lose = (reason: string): void => {
    if (!isLost) events.onLost?.(reason);
    isLost = true;
  };
  const subscribe = (): void => {
    client.subscribe(...channels).then(
      () => {
        isLost = false;
        events.onReady?.();
      },
      (error: unknown) => {
        lose(messageOf(error));
        client.disconnect(true);
      },
    );
  };
  client.on('message', onMessage);
  watch(client, { onReady: subscribe, onLost: lose });
  const ping = setInterval(() => {
    if (client.status === 'ready') client.ping().catch(() => client.disconnect(true));
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
      // Who does not read does not hear the goodbye that it waits for.
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

/** Resolves with a connection that answered PING, or rejects with the reason in one phrase. */
export async function connectOnce(address: RedisAddress, timeoutMs: number): Promise<Commands> {
  let lastReason = 'no answer';
  const client = create(address);
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(lastReason)), timeoutMs);
      watch(client, {
        onReady: () => {
          clearTimeout(timer);
          resolve();
        },
        onLost: (reason) => {
          lastReason = reason;
          // A refusal will not change its mind; an unreachable server may be starting.
          if (/WRONGPASS|NOAUTH|NOPERM/.test(reason) || NO_DATABASE.test(reason)) {
            clearTimeout(timer);
            reject(new Error(reason));
          }
        },
      });
    });
    await client.ping();
    return client;
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

function create(address: RedisAddress): Commands {
  let leftReplicaAtMs = Number.NEGATIVE_INFINITY;
  const options = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: reconnectAfter,
    // After a failover the old master answers READONLY: find the new one.
    reconnectOnError: (error: Error) => {
      if (!error.message.startsWith('READONLY') || performance.now() - leftReplicaAtMs < LEAVE_REPLICA_EVERY_MS) return false;
      leftReplicaAtMs = performance.now();
      return true;
    },
    // A subscription is restored by its owner, who must read the snapshot after it.
    autoResubscribe: false,
    db: address.db,
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
    ...(address.isTls && { tls: {} }),
  };
  const [first] = address.endpoints;
  switch (address.kind) {
    case 'single':
      return new Redis({ ...options, ...first });
    case 'sentinel':
      return new SentinelRedis(
        {
          ...options,
          sentinels: [...address.endpoints],
          name: address.masterName as string,
          sentinelRetryStrategy: reconnectAfter,
          enableTLSForSentinelMode: address.isTls,
          ...(address.isTls && { sentinelTLS: {} }),
        },
        address,
      );
    case 'cluster':
      return new Cluster([...address.endpoints], {
        redisOptions: options,
        clusterRetryStrategy: reconnectAfter,
        enableOfflineQueue: false,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
      });
  }
}

/**
 * The server that the Sentinels call master. In a failover that an operator asks for, the old master stays
 * one for seconds, and who listened to it alone would go on there: the Sentinels' word is quicker.
 * (ioredis's own failoverDetector prints a stack trace whenever a Sentinel can't be reached.)
 */
class SentinelRedis extends Redis {
  readonly #word: Subscription;

  constructor(options: RedisOptions, { endpoints, isTls, masterName }: RedisAddress) {
    super({ ...options, replyMapping: 'legacy' });
    const sentinels = createForOneOf({ kind: 'single', endpoints, isTls, db: 0 });
    const onSwitch = (_channel: string, text: string): void => {
      if (text.startsWith(`${masterName} `)) this.disconnect(true);
    };
    this.#word = subscribeWith(sentinels, ['+switch-master'], onSwitch, {});
  }

  override disconnect(reconnect = false): void {
    // While it asks the Sentinels it is about to connect anew, and ioredis would end for good.
    if (reconnect && this.status === 'connecting') return;
    if (!reconnect) this.#word.close();
    super.disconnect(reconnect);
  }
}

/**
 * A Cluster hands every message to each of its servers, and Sentinels all say the same, so a subscriber
 * needs just one: the next one of the address after each loss. (ioredis's own subscriber for a Cluster moves
 * without a word, so that nobody knows what was missed, and does not notice a server that hangs.)
 */
function createForOneOf(address: RedisAddress): Redis {
  const { endpoints } = address;
  let turn = Math.floor(Math.random() * endpoints.length);
  const next = (): Endpoint => endpoints[turn++ % endpoints.length] as Endpoint;
  const client = create({ ...address, kind: 'single', endpoints: [next()] }) as Redis;
  client.on('close', () => Object.assign(client.options, next()));
  return client;
}

/** Folds the client's many events into ready and lost, once per change. */
function watch(client: Commands, events: ConnectionEvents): Commands {
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

/** An error as one phrase for a person; without the address, which the caller knows. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error);
  const { message } = error;
  if (message.startsWith('NOAUTH')) return 'NOAUTH: it wants a password';
  if (message.startsWith('Unknown RESP type')) return 'what answers there is no Redis';
  if (message.startsWith("Stream isn't writeable")) return 'not connected';
  if (message.startsWith('Reached the max retries')) return CLOSED;
  const { code } = error as { code?: string };
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name is not known';
  if (error.message === 'Connection is closed.') return CLOSED;
  if (error.message.startsWith('All sentinels are unreachable')) return 'no Sentinel can be reached, or none knows this master';
  return messageOf(error);
}
