// How hosts' certificates are verified. Read once at the start, and passed to the threads as content, since a file
// could change between reads.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MeercatError, messageOf } from '../errors.js';
import type { HostTls, TlsFiles } from '../config/traffic-config.js';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Every certificate of a PEM text, in order; text around them is ignored. Throws when there is none, or one can't be parsed. */
export function parseCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  // A truncated block is an error, not a missing certificate.
  if (blocks.length === 0 || blocks.length !== pem.split('-----BEGIN CERTIFICATE-----').length - 1)
    throw new Error('no certificate in PEM form, or a damaged one');
  return blocks.map((block) => new X509Certificate(block));
}

/** Reads the file of `--host-ca`. Throws MEERCAT_BAD_CONFIG when it can't be read or contains no certificates. */
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
