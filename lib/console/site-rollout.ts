// Whether all balancers go by a version of the site: each says in its heartbeat which one is in force there, or why it
// refuses the new one.

import { setTimeout as pause } from 'node:timers/promises';
import { SECOND } from '../clock.js';
import { MeercatError } from '../errors.js';
import type { Commands } from '../redis/connect.js';
import { readBalancers } from '../redis/fleet-view.js';
import type { Keys } from '../redis/keys.js';

/** Longest wait for the balancers; each reads a new version at once, and at the latest with its next heartbeat. */
const ROLLOUT_MS = 5 * SECOND;

const LOOK_EVERY_MS = 100;

/** One balancer after an application. */
export interface BalancerRollout {
  readonly name: string;
  /** The version that it goes by. */
  readonly version: number | null;
  /** Why it refuses the new one; '' if it does not. */
  readonly refused: string;
}

/** Waits until each balancer goes by this version or refuses it; gives what they say then. */
export async function awaitRollout(client: Commands, keys: Keys, version: number, timeoutMs = ROLLOUT_MS): Promise<BalancerRollout[]> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after the other
    const balancers = await readBalancers(client, keys);
    const rollout = balancers.map(({ name, site, siteRefused }) => ({
      name,
      version: site,
      refused: siteRefused.startsWith(`${version}: `) ? siteRefused : '',
    }));
    if (rollout.every((each) => each.refused !== '' || isThere(each, version)) || performance.now() >= endMs) return rollout;
    // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
    await pause(LOOK_EVERY_MS);
  }
}

/** Throws MEERCAT_SITE_REFUSED when balancers do not go by the version, with their names and reasons. */
export function checkRollout(version: number, rollout: readonly BalancerRollout[]): void {
  const refusing = rollout.filter(({ refused }) => refused !== '').map(({ name, refused }) => `${name} refuses it (${refused})`);
  const late = rollout.filter((each) => each.refused === '' && !isThere(each, version));
  const waiting = late.map((each) => `${each.name} goes by ${nameOf(each.version)}`);
  if (refusing.length + waiting.length === 0) return;
  throw new MeercatError(
    'MEERCAT_SITE_REFUSED',
    `version ${version} was written, but ${[...refusing, ...waiting].join('; ')} (meercat status)`,
  );
}

/** Where a version is in force, for a person. */
export function describeRollout(version: number, balancers: readonly BalancerRollout[]): string {
  if (balancers.length === 0) return `version ${version} is written; no balancer is in the fleet: one that starts goes by it`;
  return `version ${version} is in force on ${balancers.length} balancer${balancers.length === 1 ? '' : 's'}`;
}

function nameOf(version: number | null): string {
  if (version === null) return 'no site';
  return version === 0 ? 'the file of --site' : `version ${version}`;
}

const isThere = (each: BalancerRollout, version: number): boolean => each.version === version;
