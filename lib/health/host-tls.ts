// How the certificates of hosts are verified, read once at the start: the threads that speak with hosts are handed
// the content, since a file could change between them.

import { readFileSync } from 'node:fs';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { parseCertificates } from '../pem.js';
import type { HostTls, TlsFiles } from '../config/traffic-config.js';

/** Reads what `--host-ca` names. Throws MEERCAT_BAD_CONFIG when the file cannot be read or holds no certificates. */
export function readHostTls({ hostCa, isHostInsecure }: Pick<TlsFiles, 'hostCa' | 'isHostInsecure'>): HostTls {
  if (hostCa === '') return { ca: undefined, isInsecure: isHostInsecure };
  try {
    const ca = readFileSync(hostCa, 'utf8');
    parseCertificates(ca);
    return { ca, isInsecure: isHostInsecure };
  } catch (thrown) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--host-ca ${hostCa}: ${fileReason(thrown)}`, { cause: thrown });
  }
}
