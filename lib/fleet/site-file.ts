// The last good site on this machine's disk (--state-dir): a balancer that starts while Redis is away goes by it. Written
// beside and renamed, so that a crash leaves the old or the new one; several processes share it, and the newest stays.

import { randomUUID } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import { readSavedSite, savedSitePath } from '../config/saved-site.js';
import { fileReason } from '../file-reason.js';
import type { Log } from '../log.js';
import { encodeStoredSite } from '../redis/stored-site.js';
import type { StoredSite } from '../site-model.js';

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

  async #write(site: StoredSite): Promise<void> {
    const saved = this.read();
    if (saved !== null && typeof saved === 'object' && isSettled(saved, site)) return;
    const beside = `${this.path}.${randomUUID()}`;
    try {
      const file = await open(beside, 'wx', 0o600);
      try {
        await file.writeFile(encodeStoredSite(site));
        // Before the name: a power cut must not leave an empty file under it.
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, this.path);
    } catch (error) {
      await unlink(beside).catch(() => undefined);
      throw error;
    }
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
