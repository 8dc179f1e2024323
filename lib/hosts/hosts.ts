// The hosts thread of one balancer. On the master it takes in reports and load messages, keeps the host table,
// publishes and stores it; on slaves it is idle.

import type { MessagePort } from 'node:worker_threads';
import { monotonicClock } from '../clock.js';
import type { Log } from '../log.js';
import { parseRedisAddress } from '../redis/address.js';
import { openCommands } from '../redis/connect.js';
import { KeyRing } from '../redis/fleet-key.js';
import { buildKeys } from '../redis/keys.js';
import { MessageGate } from '../redis/message-gate.js';
import { QuietPublisher } from '../redis/quiet-publish.js';
import { MessageSigner } from '../redis/sign.js';
import { counterOf } from '../table/counters.js';
import { openTable } from '../table/layout.js';
import type { FleetToHosts, FromHosts, HostsThreadData, HostsToFleet, ToHosts } from '../thread-messages.js';
import { type Mastership, startMastership } from './mastership.js';

/** The running hosts thread. */
export interface Hosts {
  onMessage(message: ToHosts): void;
  stop(): void;
}

/** Starts the hosts thread; it is idle until the fleet thread says that this balancer is master. */
export function startHosts(data: HostsThreadData, post: (message: FromHosts) => void): Hosts {
  const { config } = data;
  const clock = monotonicClock();
  const count = counterOf(openTable(data.table).counters);
  const keys = buildKeys(config.namespace);
  const log: Log = (...line) => post({ type: 'log', line });
  const ring = new KeyRing('--fleet-key', data.fleetKey);
  const gate = new MessageGate(ring, count, log);
  const signer = new MessageSigner(ring, config.name);
  let mastership: Mastership | undefined;
  const [address] = config.redis.map(parseRedisAddress) as [ReturnType<typeof parseRedisAddress>];
  // Why this thread's connection was lost; '' while it is up. The fleet thread reports when Redis is away.
  let lossReason = '';
  /** When it was last there again after a loss. */
  let redisBackAtMs = Number.NEGATIVE_INFINITY;
  // Connected in advance, so that a new master can publish at once.
  const client = openCommands(address, {
    onReady() {
      if (lossReason !== '') redisBackAtMs = clock();
      lossReason = '';
    },
    onLost: (reason) => (lossReason = reason),
  });
  const publisher = new QuietPublisher(client, log);
  let fleetPort = data.fleetPort;

  function onFleetMessage(message: FleetToHosts): void {
    if (message.type === 'balancer-left') {
      mastership?.onLeft(message.balancer);
      return;
    }
    if (message.type === 'site') {
      mastership?.setSite(message.site);
      return;
    }
    mastership?.stop();
    mastership = undefined;
    if (message.type === 'become-slave') return;
    const { type: _, ...election } = message;
    mastership = startMastership({
      address,
      client,
      publisher,
      gate,
      signer,
      keys,
      clock,
      count,
      log,
      health: config.health,
      tls: config.tls,
      name: config.name,
      leaseTtlMs: config.leaseTtlMs,
      redisBackAtMs,
      ...election,
      onFenced,
      onUnwritten,
      onUnheard: (term) => fleetPort.postMessage({ type: 'unheard', term } satisfies HostsToFleet),
    });
  }

  function onUnwritten(term: number, failure: string): void {
    const reason = lossReason === '' ? failure : lossReason;
    log('warn', 'the host table can’t be published: this master steps down', { term, reason });
    fleetPort.postMessage({ type: 'unwritten', term, reason } satisfies HostsToFleet);
  }

  function onFenced(term: number): void {
    mastership = undefined;
    fleetPort.postMessage({ type: 'fenced', term } satisfies HostsToFleet);
  }

  function listenToFleet(port: MessagePort): void {
    fleetPort = port;
    port.on('message', onFleetMessage);
  }

  listenToFleet(fleetPort);
  return {
    onMessage(message) {
      if (message.type === 'fleet-key') {
        ring.replace('--fleet-key', message.text);
        gate.onKeys();
        mastership?.onKeys();
      }
      if (message.type === 'fleet-port') {
        // The fleet thread was restarted: until it wins the lease again, this is no master.
        mastership?.stop();
        mastership = undefined;
        listenToFleet(message.port);
      }
    },
    stop() {
      mastership?.stop();
      fleetPort.close();
      client.disconnect();
    },
  };
}
