// How hosts' certificates are verified. Read once at the start, and passed to the threads as content, since a file
// could change between reads.

import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { readRegularFile } from '../read-file.js';
import { parseCertificates } from '../pem.js';
import type { HostTls, TlsFiles } from '../config/traffic-config.js';

/** Reads the file of `--host-ca`. Throws MEERCAT_BAD_CONFIG when it can't be read or contains no certificates. */
export function readHostTls({ hostCa, isHostInsecure }: Pick<TlsFiles, 'hostCa' | 'isHostInsecure'>): HostTls {
  if (hostCa === '') return { ca: undefined, isInsecure: isHostInsecure };
  try {
    const ca = readRegularFile(hostCa).toString('utf8');
    parseCertificates(ca);
    return { ca, isInsecure: isHostInsecure };
  } catch (thrown) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--host-ca ${hostCa}: ${fileReason(thrown)}`, { cause: thrown });
  }
}
