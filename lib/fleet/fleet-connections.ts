// The connections of the fleet thread: the Redis with the fleet's data, and the further servers of a lease quorum. Only the
// first one decides what the balancer says of Redis; any of them that comes back is a reason to try for the lease.

import type { Log } from '../log.js';
import { describeAddress, type RedisAddress } from '../redis/address.js';
import { type Commands, openCommands } from '../redis/connect.js';

/** What happens to the connections. */
export interface FleetConnectionEvents {
  /** The Redis with the data accepts commands. */
  readonly onDataReady: () => void;
  readonly onDataLost: (reason: string) => void;
  /** One of them accepts commands; after `onDataReady`. */
  readonly onReady: () => void;
}

/** The connections, the one with the data first. */
export interface FleetConnections {
  readonly clients: readonly [Commands, ...Commands[]];
  /** Losses are expected from now on. */
  expectLoss(): void;
  close(): void;
}

/** Opens a connection to each address. */
export function openFleetConnections(addresses: readonly RedisAddress[], log: Log, events: FleetConnectionEvents): FleetConnections {
  let isClosing = false;
  const clients = addresses.map((address, index) =>
    openCommands(address, {
      onReady: () => {
        if (index === 0) events.onDataReady();
        else log('info', 'lease redis is reachable', { redis: describeAddress(address) });
        events.onReady();
      },
      onLost: (reason) => {
        if (isClosing) return;
        if (index === 0) events.onDataLost(reason);
        else log('warn', 'lease redis is not reachable', { redis: describeAddress(address), reason });
      },
    }),
  );
  return {
    clients: clients as [Commands, ...Commands[]],
    expectLoss() {
      isClosing = true;
    },
    close() {
      for (const client of clients) client.disconnect();
    },
  };
}
