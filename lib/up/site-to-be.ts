// The site that the fleet of `meercat up` will go by, so that its pools get demo hosts: the one that the fleet has already,
// in Redis or in --state-dir, and else that of --site.

import { readSavedSite, savedSitePath } from '../config/saved-site.js';
import { readDocument, readSiteOfFlag } from '../config/site-source.js';
import type { Commands } from '../redis/connect.js';
import type { Keys } from '../redis/keys.js';
import { readStoredSite } from '../redis/stored-site.js';
import type { Site } from '../site-model.js';

/** Where it may stand. */
export interface SitePlaces {
  readonly client: Commands;
  readonly keys: Keys;
  readonly namespace: string;
  /** Empty for none. */
  readonly siteFile: string;
  /** Empty for none. */
  readonly stateDir: string;
  /** Gets a line when the fleet's site is not that of the file. */
  readonly onLine: (line: string) => void;
}

/** Reads it; null without one. What can't be read counts as none. Rejects with MEERCAT_BAD_CONFIG if the file is not good. */
export async function readSiteToBe({ client, keys, namespace, siteFile, stateDir, onLine }: SitePlaces): Promise<Site | null> {
  const given = siteFile === '' ? null : await readSiteOfFlag(siteFile);
  const found = await readStoredSite(client, keys).catch(() => null);
  const saved = stateDir === '' ? null : readSavedSite(savedSitePath(stateDir, namespace));
  const known = [found?.kind === 'site' ? found.site : null, typeof saved === 'string' ? null : saved].filter((site) => site !== null);
  const newest = known.toSorted((a, b) => b.version - a.version)[0];
  if (newest === undefined) return given?.site ?? null;
  if (given !== null && given.text !== newest.document)
    onLine(`the fleet has version ${newest.version} of a site, which stays in force: meercat apply ${siteFile} replaces it`);
  if (newest.document === '') return null;
  const reading = await readDocument(newest.document);
  return 'site' in reading ? reading.site : (given?.site ?? null);
}
