// Reads the files that a user names: certificates, keys, tokens. Invariant: a read ends at once and takes little memory,
// whatever the name leads to; a pipe or device would keep the process waiting, or fill its memory.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** The largest file with certificates or a key, in bytes: the authorities of a whole system take some 200 KiB. */
export const MAX_PEM_BYTES = 1 << 20;

/**
 * The content of a regular file, perhaps behind symbolic links. Throws an error of the system, or one whose message is
 * the reason, for anything else and for a file larger than `maxBytes`.
 */
export function readRegularFile(file: string, maxBytes: number = MAX_PEM_BYTES): Buffer {
  // Without waiting for a writer of a pipe.
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stats = fstatSync(descriptor);
    if (stats.isDirectory()) throw Object.assign(new Error('EISDIR'), { code: 'EISDIR' });
    if (!stats.isFile()) throw new Error('it is not a regular file');
    // Read, not believed: files of /proc have the size 0, and a file can grow.
    const content = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = 1; read > 0 && length <= maxBytes; length += read)
      read = readSync(descriptor, content, length, content.length - length, null);
    if (length > maxBytes) throw new Error(`it is larger than ${maxBytes >= 1 << 20 ? `${maxBytes >> 20}MiB` : `${maxBytes >> 10}KiB`}`);
    return Buffer.from(content.subarray(0, length));
  } finally {
    closeSync(descriptor);
  }
}
