// How hosts with https:// are verified, read from the files that the configuration names: once, at the start.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MeercatError, messageOf } from './errors.js';
import type { HostTls, TlsFiles } from './traffic-config.js';

/** Reads `--host-ca`. Throws MEERCAT_BAD_CONFIG, naming the flag, when the file can't be read or holds no certificate. */
export function readHostTls({ hostCa, isHostInsecure }: Pick<TlsFiles, 'hostCa' | 'isHostInsecure'>): HostTls {
  if (hostCa === '') return { ca: undefined, isInsecure: isHostInsecure };
  try {
    const ca = readFileSync(hostCa, 'utf8');
    // It would be passed over without a word, and every host refused.
    void new X509Certificate(ca);
    return { ca, isInsecure: isHostInsecure };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : code?.startsWith('ERR_OSSL') ? 'it holds no PEM certificate' : messageOf(error);
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--host-ca: ${JSON.stringify(hostCa)} can't be used: ${reason}`, { cause: error });
  }
}
