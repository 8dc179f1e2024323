// How the certificates of hosts are verified, read once at the start: the threads that speak with hosts are handed
// the content, since a file could change between them.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MeercatError, messageOf } from '../errors.js';
import type { HostTls, TlsFiles } from '../config/traffic-config.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/**
 * Every certificate of a PEM text, in order; what stands around them is passed over. Throws when there is none and
 * when one cannot be read.
 */
export function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  // A block that is cut off does not count as one that is not there.
  if (blocks.length === 0 || blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1)
    throw new Error('no certificate in PEM form, or a damaged one');
  return blocks.map((block) => new X509Certificate(block));
}

/** Reads what `--host-ca` names. Throws MEERCAT_BAD_CONFIG when the file cannot be read or holds no certificates. */
export function readHostTls({ hostCa, isHostInsecure }: Pick<TlsFiles, 'hostCa' | 'isHostInsecure'>): HostTls {
  if (hostCa === '') return { ca: undefined, isInsecure: isHostInsecure };
  try {
    const ca = readFileSync(hostCa, 'utf8');
    parseCertificates(ca);
    return { ca, isInsecure: isHostInsecure };
  } catch (thrown) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--host-ca ${hostCa}: ${messageOf(thrown)}`, { cause: thrown });
  }
}
