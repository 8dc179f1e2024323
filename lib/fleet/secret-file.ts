// The secret of sticky cookies on this machine's disk (--state-dir), so that a balancer that starts while Redis is away
// honours the cookies that clients have. Only the balancer's user may read it.

import { join } from 'node:path';
import { fileReason } from '../file-reason.js';
import type { Log } from '../log.js';
import { readRegularFile } from '../read-file.js';
import { isSecret } from '../redis/secret-store.js';
import { replaceFile } from '../write-file.js';

/** More than a secret and a line break. */
const MAX_FILE_BYTES = 128;

/** The file of one fleet. */
export class SecretFile {
  readonly path: string;
  readonly #log: Log;
  #saving: Promise<void> = Promise.resolve();

  constructor(folder: string, namespace: string, log: Log) {
    // A namespace may have a slash.
    this.path = join(folder, `${encodeURIComponent(namespace)}.secret`);
    this.#log = log;
  }

  /** What was saved; '' if nothing was. What can't be used is logged and ignored. */
  read(): string {
    try {
      const text = readRegularFile(this.path, MAX_FILE_BYTES).toString('latin1').trim();
      if (isSecret(text)) return text;
      this.#unusable('it holds no secret');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#unusable(fileReason(error));
    }
    return '';
  }

  /** Saves a secret, one at a time. Never rejects: a failure is logged. */
  save(secret: string): Promise<void> {
    this.#saving = this.#saving.then(() =>
      replaceFile(this.path, `${secret}\n`).catch((error: unknown) => {
        const reason = fileReason(error, 'written');
        this.#log('warn', 'the secret of sticky cookies could not be saved (--state-dir)', { file: this.path, reason });
      }),
    );
    return this.#saving;
  }

  /** Resolves when what was to be saved is saved, or could not be. */
  get saved(): Promise<void> {
    return this.#saving;
  }

  #unusable(reason: string): void {
    this.#log('warn', 'the saved secret of sticky cookies can’t be used and is ignored (--state-dir)', { file: this.path, reason });
  }
}
