// Connections to Redis, made so that nothing ever waits for one: no offline queue, no resending of what
// timed out, a ceiling on every wait, and reconnecting forever at a bounded pace.

import type { Endpoint, RedisAddress } from './address.js';
import { explainFailures } from './cluster.js';
import { Cluster, type Commands, Redis } from './ioredis.js';
import { needsOperator } from './reason.js';
import { SentinelRedis } from './sentinel.js';
import { type Subscription, subscribeWith } from './subscription.js';
import { readRedisTls } from './tls.js';
import { explainTransport } from './transport.js';
import { type ConnectionEvents, watch } from './watch.js';

export { type Commands, isCluster } from './ioredis.js';
export { isDenial, needsOperator, reasonOf } from './reason.js';
export { type Subscription } from './subscription.js';
export { type ConnectionEvents, logDenial } from './watch.js';

/** Time for the TCP (and TLS) connect. */
const CONNECT_TIMEOUT_MS = 1000;

/** Time for one command. The lease counts on it: it is well under the lease's TTL. */
const COMMAND_TIMEOUT_MS = 500;

/** A connection with a reply outstanding for this long is dead. */
const SOCKET_TIMEOUT_MS = 2000;

const MAX_RECONNECT_MS = 400;

/** Minimum interval between reconnects to leave a replica, which rejects writes: without it, reads would fail too. */
const LEAVE_REPLICA_EVERY_MS = 5000;

/** Quick at first; then about three times a second, jittered so that a fleet does not return as one. */
function reconnectAfter(times: number): number {
  return Math.min(25 * 2 ** Math.min(times, 5), MAX_RECONNECT_MS) * (0.75 + Math.random() / 2);
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

/**
 * Subscribes to channels. `onReady` comes after Redis has confirmed the subscription, after every reconnect:
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

/**
 * Resolves with a connection that answered PING, or rejects with the reason in one phrase. Each of its commands may take
 * as long as the connection: nothing but a person waits for it, who would have to enter the command again.
 */
export async function connectOnce(address: RedisAddress, timeoutMs: number): Promise<Commands> {
  let lastReason = 'no answer';
  const client = create(address, timeoutMs);
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
          // A rejection is final; an unreachable server may be starting.
          if (needsOperator(reason)) {
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

function create(address: RedisAddress, commandTimeoutMs = COMMAND_TIMEOUT_MS): Commands {
  const client = createClient(address, commandTimeoutMs);
  explainTransport(client, address);
  return client;
}

function createClient(address: RedisAddress, commandTimeoutMs: number): Commands {
  const tls = readRedisTls(address);
  let leftReplicaAtMs = Number.NEGATIVE_INFINITY;
  const options = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: commandTimeoutMs,
    socketTimeout: Math.max(SOCKET_TIMEOUT_MS, commandTimeoutMs),
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
    // CLIENT SETINFO would require one more ACL permission.
    disableClientInfo: true,
    db: address.db,
    ...(address.username !== undefined && { username: address.username }),
    ...(address.password !== undefined && { password: address.password }),
    ...(tls && { tls }),
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
          // It counts from before the connect; without it, a Sentinel that hangs would be waited for without end.
          sentinelCommandTimeout: CONNECT_TIMEOUT_MS + commandTimeoutMs,
          ...(tls && { sentinelTLS: tls }),
          ...(address.sentinelUsername !== undefined && { sentinelUsername: address.sentinelUsername }),
          ...(address.sentinelPassword !== undefined && { sentinelPassword: address.sentinelPassword }),
        },
        (onSwitch, events) => subscribeWith(createForOneOf(sentinelsOf(address)), ['+switch-master'], onSwitch, events, 'Sentinel'),
      );
    case 'cluster': {
      const cluster = new Cluster([...address.endpoints], {
        redisOptions: options,
        clusterRetryStrategy: reconnectAfter,
        enableOfflineQueue: false,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
        // A certificate names what the address names; ioredis would put an IP address in its place.
        ...(tls && { dnsLookup: (name: string, callback: (error: null, name: string) => void) => callback(null, name) }),
      });
      explainFailures(cluster, () => createForOneOf(address));
      return cluster;
    }
  }
}

/** The Sentinels themselves, as servers to subscribe to. Their user and password are not those of the data. */
function sentinelsOf({ endpoints, isTls, sentinelUsername, sentinelPassword, caFile, certFile, keyFile }: RedisAddress): RedisAddress {
  return {
    kind: 'single',
    endpoints,
    isTls,
    db: 0,
    ...(sentinelUsername !== undefined && { username: sentinelUsername }),
    ...(sentinelPassword !== undefined && { password: sentinelPassword }),
    ...(caFile !== undefined && { caFile }),
    ...(certFile !== undefined && { certFile }),
    ...(keyFile !== undefined && { keyFile }),
  };
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
