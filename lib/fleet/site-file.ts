// The last good site on this machine's disk (--state-dir): a balancer that starts while Redis is away goes by it. Written
// beside and renamed, so that a crash leaves the old or the new one; several processes share it, and the newest stays.

import { readSavedSite, savedSitePath } from '../config/saved-site.js';
import { fileReason } from '../file-reason.js';
import type { Log } from '../log.js';
import { encodeStoredSite } from '../redis/stored-site.js';
import type { StoredSite } from '../site-model.js';
import { replaceFile } from '../write-file.js';

/** The file of one fleet. */
export class SiteFile {
  readonly path: string;
  readonly #log: Log;
  #saidReason = '';
  #saving: Promise<void> = Promise.resolve();

  constructor(folder: string, namespace: string, log: Log) {
    this.path = savedSitePath(folder, namespace);
    this.#log = log;
  }

  /** What was saved; null if nothing was, a text that says what is wrong with it. */
  read(): StoredSite | string | null {
    return readSavedSite(this.path);
  }

  /** Saves a site, one at a time, unless a newer one is there. Never rejects: a failure is logged once. */
  save(site: StoredSite): Promise<void> {
    this.#saving = this.#saving.then(() =>
      this.#write(site).catch((error: unknown) => {
        const reason = fileReason(error, 'written');
        if (reason !== this.#saidReason) this.#log('warn', 'the site could not be saved (--state-dir)', { file: this.path, reason });
        this.#saidReason = reason;
      }),
    );
    return this.#saving;
  }

  /** Resolves when what was to be saved is saved, or could not be. */
  get saved(): Promise<void> {
    return this.#saving;
  }

  async #write(site: StoredSite): Promise<void> {
    const saved = this.read();
    if (saved !== null && typeof saved === 'object' && isSettled(saved, site)) return;
    await replaceFile(this.path, encodeStoredSite(site));
    this.#saidReason = '';
  }
}

/** Whether what is saved may stay: it is newer, or the same. */
function isSettled(saved: StoredSite, site: StoredSite): boolean {
  return (
    saved.version > site.version ||
    (saved.version === site.version && saved.checksum === site.checksum && saved.signature === site.signature)
  );
}
