// What commands say in a namespace where no fleet lives: an empty table would look like a fleet that is idle.

import { MeercatError } from '../errors.js';
import { type Commands, reasonOf } from '../redis/connect.js';
import { type FleetView, readFleet } from '../redis/fleet-view.js';
import type { Keys } from '../redis/keys.js';

/** Whether neither a balancer nor a host stands there. */
export function isEmptyFleet({ balancers, hosts }: Pick<FleetView, 'balancers' | 'hosts'>): boolean {
  return balancers.length === 0 && hosts.length === 0;
}

/** The error for a view that is empty; it tells a fleet that has ended from one that never was. */
export function noFleet({ namespace, term, problems }: FleetView): MeercatError {
  const what =
    term === null
      ? `this Redis has no fleet with the namespace ${namespace}: check --redis and --namespace`
      : `the fleet ${namespace} has ended: neither a balancer nor a host of it is left in this Redis (its last term was ${term})`;
  return new MeercatError('MEERCAT_NO_FLEET', [what, ...problems].join('; '));
}

/** Rejects with MEERCAT_NO_FLEET when no fleet lives under these keys, and with MEERCAT_NO_REDIS when they can't be read. */
export async function checkFleetLives(client: Commands, keys: Keys): Promise<void> {
  const view = await readFleet(client, keys).catch((error: unknown) => {
    throw new MeercatError('MEERCAT_NO_REDIS', `Redis can't be read: ${reasonOf(error)}`, { cause: error });
  });
  if (isEmptyFleet(view)) throw noFleet(view);
}
