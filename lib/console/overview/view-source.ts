// Where the fleet's figures come from: the channel and the key of the master.

import type { FleetFigures, StoredView } from '../../fleet-figures.js';
import type { FleetSight } from '../../fleet-sight.js';

/** Listens to what the master publishes, until it is closed. */
export function listenToView(_sight: FleetSight, _onFigures: (figures: FleetFigures) => void): { close(): void } {
  return { close: () => undefined };
}

/** Reads what the master stored; null for nothing, or what does not count. */
export async function readStoredView(_sight: FleetSight): Promise<StoredView | null> {
  return Promise.resolve(null);
}

const NONE = { p50Ms: null, p99Ms: null, p999Ms: null };

/** What this balancer measured itself. */
export function ownFigures({ config, clock: _clock }: FleetSight): FleetFigures {
  return {
    term: 0,
    mastership: '',
    atMs: Date.now(),
    balancers: [config.name],
    total: { rps: 0, errorRps: 0, inflight: 0, second: NONE, minute: NONE, quarterHour: NONE },
    pools: [],
    hosts: [],
    picks: { balancers: [], hosts: [], picks: [] },
    slowest: [],
  };
}
