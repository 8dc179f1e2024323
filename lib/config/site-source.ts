// Where a balancer has a site from besides Redis: the file of --site, and the folder of --state-dir. Both are checked before
// the balancer starts: what an operator named and can't be used ends the start.

import { accessSync, constants, statSync } from 'node:fs';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import type { Site } from '../site-model.js';
import type { SiteSource } from '../thread-messages.js';
import type { BalancerConfig } from './config.js';
import { formatProblem, type SiteProblem } from './site/problems.js';
import type { SiteReading } from './site/read-site.js';
import { readSiteFile } from './site-file.js';

/** Problems of a document that an error names; `meercat check` names all. */
const PROBLEMS_SHOWN = 3;

/** Reads a document; loads what that takes with the first one. */
export async function readDocument(text: string): Promise<SiteReading> {
  const { readSite } = await import('./site/read-site.js');
  return readSite(text);
}

/** Reads what the flags name. Rejects with MEERCAT_BAD_CONFIG. */
export async function readSiteSource({
  siteFile,
  isSitePublished,
  stateDir,
}: Pick<BalancerConfig, 'siteFile' | 'isSitePublished' | 'stateDir'>): Promise<SiteSource> {
  if (stateDir !== '') checkFolder(stateDir);
  return { document: siteFile === '' ? '' : (await readSiteOfFlag(siteFile)).text, isPublished: isSitePublished, stateDir };
}

/** The document of --site. Rejects with MEERCAT_BAD_CONFIG. */
export async function readSiteOfFlag(file: string): Promise<CheckedDocument> {
  try {
    return await checkDocument(file, readSiteFile(file));
  } catch (error) {
    if (!(error instanceof MeercatError)) throw error;
    throw new MeercatError(error.code, `--site ${error.message}`, { cause: error });
  }
}

/** A document that can be applied, and what it says. */
export interface CheckedDocument {
  readonly text: string;
  readonly site: Site;
  readonly warnings: readonly SiteProblem[];
}

/** Checks a document. Rejects with MEERCAT_BAD_CONFIG that names the lines of the file that are wrong. */
export async function checkDocument(file: string, text: string): Promise<CheckedDocument> {
  const reading = await readDocument(text);
  if ('site' in reading) return { text, ...reading };
  const { problems } = reading;
  const shown = problems.slice(0, PROBLEMS_SHOWN).map((problem) => formatProblem(file, problem));
  const more = problems.length > shown.length ? `; and ${problems.length - shown.length} more (meercat check names all)` : '';
  throw new MeercatError('MEERCAT_BAD_CONFIG', `${shown.join('; ')}${more}`);
}

function checkFolder(folder: string): void {
  try {
    if (!statSync(folder).isDirectory()) throw new Error('it is not a directory');
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such directory' : fileReason(error, 'written');
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--state-dir ${folder}: ${reason}`, { cause: error });
  }
}
