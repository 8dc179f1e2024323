// What tests ask a `meercat up` that runs as a real process: answers of its hosts, and its state in Redis.

import * as assert from 'uvu/assert';
import { type FleetView, readFleet } from '../../lib/redis/fleet-view.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { until } from './brackets.js';
import { withClients } from './redis-client.js';

/** How long a step of such a fleet may take on a busy machine. */
export const BUSY_MS = 60_000;

/** The body of a 200, without the space around it. */
export async function bodyOf(url: string): Promise<string> {
  const response = await fetch(url);
  assert.is(response.status, 200, url);
  return (await response.text()).trim();
}

/** Resolves when the balancer on this port has one request in flight. */
export async function isInFlight(port: number): Promise<void> {
  await until(async () => JSON.parse(await bodyOf(`http://127.0.0.1:${port + 1000}/.meercat/health`)).inflight === 1, {
    what: 'the request to be in flight',
  });
}

/** Polls the fleet's state in Redis until it is as expected. */
export function untilStatus(redis: string, what: string, isGood: (view: FleetView) => boolean, namespace = 'meercat'): Promise<FleetView> {
  // Polls in this process: running a command per poll would use a whole core.
  return withClients([redis], (client) =>
    until(
      async () => {
        const view = await readFleet(client, buildKeys(namespace));
        return isGood(view) ? view : null;
      },
      { timeoutMs: BUSY_MS, everyMs: 50, what },
    ),
  );
}
