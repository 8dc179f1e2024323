// The last site that balancers keep on this machine's disk (--state-dir): where it stands, and what stands there. It is
// written by lib/fleet/site-file.ts.

import { join } from 'node:path';
import { fileReason } from '../file-reason.js';
import { readRegularFile } from '../read-file.js';
import { decodeStoredSite, MAX_DOCUMENT_BYTES } from '../redis/stored-site.js';
import type { StoredSite } from '../site-model.js';

/** In JSON a character takes at most six bytes; the other fields are small. */
const MAX_FILE_BYTES = 6 * MAX_DOCUMENT_BYTES + (64 << 10);

/** The file of one fleet. */
export function savedSitePath(folder: string, namespace: string): string {
  // A namespace may have a slash.
  return join(folder, `${encodeURIComponent(namespace)}.site.json`);
}

/** What was saved; null if nothing was, a text that says what is wrong with it. */
export function readSavedSite(path: string): StoredSite | string | null {
  try {
    return decodeStoredSite(readRegularFile(path, MAX_FILE_BYTES).toString('utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : fileReason(error);
  }
}
