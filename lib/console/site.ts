// `meercat site`: the document that the fleet runs, as it was applied; and what the other commands for sites share.

import { MeercatError } from '../errors.js';
import { type Commands, reasonOf } from '../redis/connect.js';
import type { KeyRing } from '../redis/fleet-key.js';
import { readBalancers } from '../redis/fleet-view.js';
import { buildKeys, type Keys } from '../redis/keys.js';
import { isAcceptable } from '../redis/site-store.js';
import { siteInForce } from '../redis/site-view.js';
import { readStoredSite } from '../redis/stored-site.js';
import type { StoredSite } from '../site-model.js';
import { readOperatorKeys } from './operator-key.js';
import { connectForPerson } from './status.js';

/** Where a fleet is, for the commands. */
export interface SiteOptions {
  readonly redis: string;
  readonly namespace: string;
  /** The file with the fleet's or an operator's key; empty or missing for none. */
  readonly fleetKeyFile?: string | undefined;
  readonly isJson: boolean;
}

/** Where text goes. */
export interface Writer {
  write(text: string): unknown;
}

/** Runs with a connection, and closes it. What Redis refuses becomes MEERCAT_NO_REDIS. */
export async function withFleetRedis<Result>(
  { redis, namespace, fleetKeyFile }: SiteOptions,
  run: (client: Commands, keys: Keys, ring: KeyRing) => Promise<Result>,
): Promise<Result> {
  const ring = readOperatorKeys(fleetKeyFile);
  const client = await connectForPerson(redis);
  try {
    return await run(client, buildKeys(namespace), ring);
  } catch (error) {
    if (error instanceof MeercatError) throw error;
    throw new MeercatError('MEERCAT_NO_REDIS', `Redis did not take it: ${reasonOf(error)}`, { cause: error });
  } finally {
    client.disconnect();
  }
}

/**
 * The site that stands in Redis; null if none does. Rejects with MEERCAT_BAD_SITE for what balancers do not take.
 * @param wayOut what a person can do about it
 */
export async function readFleetSite(client: Commands, keys: Keys, ring: KeyRing, wayOut: string): Promise<StoredSite | null> {
  const found = await readStoredSite(client, keys);
  if (found.kind === 'none') return null;
  if (found.kind === 'bad') throw badSite(keys, found.reason, wayOut);
  if (!isAcceptable(ring, keys, found.site)) throw badSite(keys, 'not signed with the fleet’s key', wayOut);
  return found.site;
}

/** The error for a site that can't be read. */
export function badSite(keys: Keys, reason: string, wayOut: string): MeercatError {
  return new MeercatError('MEERCAT_BAD_SITE', `${keys.site}: ${reason}; balancers keep the site that they have: ${wayOut}`);
}

/** A version with who applied it, for a person. */
export function describeVersion(site: StoredSite | null): string {
  return site === null ? 'the fleet has no site' : `version ${site.version}, applied by ${site.by} at ${site.at}`;
}

/**
 * Prints the document. Where balancers refuse it, `warn` gets what is in force there. Rejects with MEERCAT_NO_SITE,
 * MEERCAT_BAD_SITE and MEERCAT_NO_REDIS.
 */
export async function printSite(options: SiteOptions, out: Writer, warn: Writer): Promise<void> {
  const { site, balancers } = await withFleetRedis(options, async (client, keys, ring) => {
    const those = await readBalancers(client, keys);
    const inForce = siteInForce(those);
    const wayOut = `${inForce === '' ? '' : `${inForce}; `}meercat apply FILE --force writes another one`;
    return { site: await readFleetSite(client, keys, ring, wayOut), balancers: those };
  });
  if (site === null)
    throw new MeercatError('MEERCAT_NO_SITE', `the fleet ${options.namespace} has no site: meercat apply FILE gives it one`);
  const { version, by, at, document } = site;
  const inForce = siteInForce(balancers);
  if (inForce !== '') warn.write(`meercat: version ${version} is refused, and ${inForce}: meercat status says why\n`);
  if (document === '')
    throw new MeercatError('MEERCAT_NO_SITE', `the fleet ${options.namespace} has no site: ${by} removed it at ${at} (version ${version})`);
  if (options.isJson) out.write(`${JSON.stringify({ version, by, at, document })}\n`);
  else out.write(document.endsWith('\n') ? document : `${document}\n`);
}
