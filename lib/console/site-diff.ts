// `meercat diff`: what a document would change in the fleet. It names the version that it compared with, which
// `meercat apply --if-version` takes.

import { type CheckedDocument, readDocument } from '../config/site-source.js';
import { diffSites, type SiteChange } from '../config/site/diff-sites.js';
import { renderDiff } from '../config/site/render-diff.js';
import { MeercatError } from '../errors.js';
import type { Site, StoredSite } from '../site-model.js';
import { describeVersion, readFleetSite, type SiteOptions, withFleetRedis, type Writer } from './site.js';

/** Options of `meercat diff`. */
export interface DiffOptions extends SiteOptions {
  readonly document: CheckedDocument;
}

/** Prints the changes. Rejects with MEERCAT_BAD_SITE and MEERCAT_NO_REDIS. */
export async function printDiff(options: DiffOptions, out: Writer): Promise<void> {
  const stored = await withFleetRedis(options, (client, keys, ring) =>
    readFleetSite(client, keys, ring, 'there is nothing to compare with; meercat apply FILE --force writes another one'),
  );
  const changes = await changesFrom(stored, options.document.site);
  if (options.isJson) out.write(`${JSON.stringify({ version: stored?.version ?? 0, changes })}\n`);
  else out.write(`compared with what runs: ${describeVersion(stored)}\n${renderDiff(changes)}`);
}

/** The changes from what runs to a site. Rejects with MEERCAT_BAD_SITE if what runs is of a newer Meercat. */
export async function changesFrom(stored: StoredSite | null, after: Site): Promise<readonly SiteChange[]> {
  return diffSites(await siteOf(stored), after);
}

async function siteOf(stored: StoredSite | null): Promise<Site | null> {
  if (stored === null || stored.document === '') return null;
  const reading = await readDocument(stored.document);
  if ('site' in reading) return reading.site;
  throw new MeercatError(
    'MEERCAT_BAD_SITE',
    `${describeVersion(stored)}, can’t be read by this Meercat: line ${reading.problems[0]?.line}: ${reading.problems[0]?.message}; use the one that it was applied with, or meercat apply FILE --force`,
  );
}
