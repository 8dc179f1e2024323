// Where a balancer has a site from besides Redis: the file of --site, and the folder of --state-dir. Both are checked before
// the balancer starts: what an operator named and can't be used ends the start.

import { isUtf8 } from 'node:buffer';
import { accessSync, constants, statSync } from 'node:fs';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { readRegularFile } from '../read-file.js';
import { MAX_DOCUMENT_BYTES } from '../redis/stored-site.js';
import type { Site } from '../site-model.js';
import type { SiteSource } from '../thread-messages.js';
import type { BalancerConfig } from './config.js';
import type { SiteReading } from './site/read-site.js';

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
  return { document: siteFile === '' ? '' : (await readCheckedFile('--site', siteFile)).text, isPublished: isSitePublished, stateDir };
}

/** A document that can be applied, and the site that it says. */
export interface CheckedDocument {
  readonly text: string;
  readonly site: Site;
}

/**
 * Reads a file with a site. Rejects with MEERCAT_BAD_CONFIG that names the lines that are wrong.
 * @param flag what named the file; '' for an argument
 */
export async function readCheckedFile(flag: string, file: string): Promise<CheckedDocument> {
  try {
    return await checkDocument(flag, file, readRegularFile(file, MAX_DOCUMENT_BYTES));
  } catch (error) {
    if (error instanceof MeercatError) throw error;
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${prefix(flag)}${file}: ${fileReason(error)}`, { cause: error });
  }
}

const prefix = (flag: string): string => (flag === '' ? '' : `${flag} `);

/**
 * Checks the bytes of a document. Rejects with MEERCAT_BAD_CONFIG.
 * @param flag what named it; '' for an argument
 * @param name the file, for people
 */
export async function checkDocument(flag: string, name: string, bytes: Buffer): Promise<CheckedDocument> {
  const refuse = (reason: string): never => {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${prefix(flag)}${reason}`);
  };
  // With the mark that some editors begin with: what is applied is the file as it is.
  if (!isUtf8(bytes)) refuse(`${name}: it is not UTF-8`);
  const text = bytes.toString('utf8');
  const reading = await readDocument(text);
  if ('site' in reading) return { text, site: reading.site };
  const shown = reading.problems.slice(0, PROBLEMS_SHOWN).map(({ line, column, message }) => `${name}:${line}:${column}: ${message}`);
  const more = reading.problems.length - shown.length;
  return refuse(`${shown.join('; ')}${more > 0 ? `; and ${more} more (meercat check names all)` : ''}`);
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
