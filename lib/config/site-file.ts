// Reads the text of a site document from a file. What the text says is checked by lib/config/site.

import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { readRegularFile } from '../read-file.js';
import { MAX_SITE_BYTES } from './site/limits.js';

/** The text of a document in a regular file. Throws MEERCAT_BAD_CONFIG with the name of the file for one that can't be read, is too large or not in UTF-8. */
export function readSiteFile(file: string): string {
  let content: Buffer;
  try {
    content = readRegularFile(file, MAX_SITE_BYTES);
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${file}: ${fileReason(error)}`);
  }
  return siteText(file, content);
}

/** The bytes of a document as text. Throws MEERCAT_BAD_CONFIG with the name of their source when they are not UTF-8. */
export function siteText(source: string, content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${source}: it is not text in UTF-8`);
  }
}
