// `meercat maintenance`: an operator has a pool answer all requests itself, in the whole fleet and without another site.
// It stands in the settings, and an event has every balancer read them at once.

import { readSite } from '../config/site/read-site.js';
import { MeercatError } from '../errors.js';
import type { Maintenance } from '../model.js';
import { nearestWord } from '../nearest.js';
import type { Commands } from '../redis/connect.js';
import type { KeyRing } from '../redis/fleet-key.js';
import { countBalancers, publishEvent } from '../redis/fleet-store.js';
import type { Keys } from '../redis/keys.js';
import type { MessageSigner } from '../redis/sign.js';
import { readMaintenance, writeMaintenance } from '../redis/settings.js';
import { DEFAULT_POOL } from '../site-model.js';
import { checkFleetLives } from './no-fleet.js';
import { signerOf } from './operator-key.js';
import { readFleetSite, type SiteOptions, withFleetRedis, type Writer } from './site.js';

/** Options of `meercat maintenance`. */
export interface MaintenanceOptions extends SiteOptions {
  readonly pool: string;
  /** Null ends it. */
  readonly maintenance: Maintenance | null;
  /** Whether the pool need not be one of the site. */
  readonly isForced: boolean;
}

/** What was done. */
export interface Maintained {
  readonly pool: string;
  /** The status that the pool answers; null: its hosts do. */
  readonly status: number | null;
  /** What stood in the settings before, as it was; null for nothing. */
  readonly before: string | null;
  readonly balancers: number;
}

/**
 * Sets it or takes it back, tells the fleet, and prints what was done. Rejects with MEERCAT_UNKNOWN_POOL,
 * MEERCAT_NO_FLEET, MEERCAT_BAD_SITE, MEERCAT_KEY_NEEDED and MEERCAT_NO_REDIS.
 */
export async function maintainPool(options: MaintenanceOptions, out: Writer): Promise<void> {
  const done = await withFleetRedis(options, (client, keys, ring) => write(client, keys, ring, options));
  out.write(`${options.isJson ? JSON.stringify(done) : describeMaintained(done)}\n`);
}

async function write(client: Commands, keys: Keys, ring: KeyRing, options: MaintenanceOptions): Promise<Maintained> {
  const { pool, maintenance, isForced } = options;
  const before = await readMaintenance(client, keys, pool);
  // What is set can be taken back, also of a pool that is gone.
  if (!isForced && (maintenance !== null || before === null)) {
    await checkFleetLives(client, keys);
    await checkPool(client, keys, ring, pool);
  }
  const signer = await signerOf(client, keys, ring);
  return writePoolMaintenance(client, keys, { pool, maintenance }, 'meercat maintenance', signer);
}

/**
 * Sets it or takes it back, and tells the fleet. The pool is not looked up. Rejects when Redis can't be reached.
 * @param by who does it, for the event
 */
export async function writePoolMaintenance(
  client: Commands,
  keys: Keys,
  { pool, maintenance }: Pick<MaintenanceOptions, 'pool' | 'maintenance'>,
  by: string,
  signer: MessageSigner | undefined,
): Promise<Maintained> {
  const before = await readMaintenance(client, keys, pool);
  await writeMaintenance(client, keys, pool, maintenance, signer);
  const kind = maintenance === null ? 'maintenance-ended' : 'maintenance-began';
  await publishEvent(client, keys, { kind, name: pool, detail: `by ${by}`, by }, signer);
  return { pool, status: maintenance?.status ?? null, before, balancers: await countBalancers(client, keys) };
}

/** How many names an error lists. */
const NAMES_SHOWN = 8;

async function checkPool(client: Commands, keys: Keys, ring: KeyRing, pool: string): Promise<void> {
  const stored = await readFleetSite(client, keys, ring, '--force does not ask for it');
  const reading = stored === null || stored.document === '' ? null : readSite(stored.document);
  const names = [...new Set([DEFAULT_POOL, ...(reading !== null && 'site' in reading ? reading.site.pools.map(({ name }) => name) : [])])];
  if (names.includes(pool)) return;
  const nearest = nearestWord(pool, names);
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`;
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  throw new MeercatError(
    'MEERCAT_UNKNOWN_POOL',
    `the fleet's site has no pool ${pool}: it has ${names.slice(0, NAMES_SHOWN).join(', ')}${more}.${meant} --force sets it all the same`,
  );
}

/** What was done, in two lines for a person. */
export function describeMaintained({ pool, status, before, balancers }: Maintained): string {
  const fleet =
    balancers === 0
      ? 'no balancer is in the fleet; one that starts goes by it'
      : `${balancers} balancer${balancers === 1 ? ' is' : 's are'} in the fleet; each goes by it within a second`;
  if (status !== null) return `pool ${pool} is in maintenance: all its requests are answered ${status}\n${fleet}`;
  return `pool ${pool} ${before === null ? 'was not in maintenance' : 'serves again: its hosts get requests'}\n${fleet}`;
}
