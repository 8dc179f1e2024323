// Where the fleet's figures come from: the channel and the key of the master.

import type { FleetFigures, StoredView } from '../../fleet-figures.js';
import type { FleetSight } from '../../fleet-sight.js';
import { parseRedisAddress } from '../../redis/address.js';
import { openSubscription } from '../../redis/connect.js';
import { openView } from '../../redis/signed-messages.js';
import { readView } from '../../redis/view-store.js';

/** Listens to what the master publishes, until it is closed. Nothing is received while nobody looks. */
export function listenToView(sight: FleetSight, onFigures: (figures: FleetFigures) => void): { close(): void } {
  const { config, keys, gate, count } = sight;
  const address = parseRedisAddress(config.redis[0] as string);
  return openSubscription(address, [keys.view], (_channel, text) => {
    const opened = openView(gate, keys.view, text);
    if (opened.ok) onFigures(opened.value);
    // The gate has counted the others.
    else if (!opened.isCounted) count('views_dropped');
  });
}

/** Reads what the master stored; null for nothing, or what does not count. Rejects if Redis is unreachable. */
export function readStoredView({ client, keys, gate }: FleetSight): Promise<StoredView | null> {
  return readView(client, keys, gate);
}

/** What this balancer measured itself. */
export function ownFigures(sight: FleetSight): FleetFigures {
  return sight.ownFigures();
}
