// Writes a file that is there as a whole or not at all: beside it, and renamed. A crash or a power cut leaves the old file or
// the new one, and several processes may write it.

import { randomUUID } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';

/** Replaces a file; only its owner may read it. Rejects if it can't be written, and then leaves nothing behind. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(text);
      // Before the name: a power cut must not leave an empty file under it.
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await unlink(beside).catch(() => undefined);
    throw error;
  }
}
