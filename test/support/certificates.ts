// Certificates for tests: a CA and what it signs. Each test's are fresh.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyPair, signCertificate } from '../../lib/lab/x509.js';
import { withTempDir } from './places.js';

const CA_NAME = 'Meercat test CA';
const DAY_MS = 86_400_000;

/** What a certificate says. */
export interface CertificateWishes {
  /** Its alternative names: DNS names, with or without a wildcard, and IP addresses. */
  readonly names?: readonly string[];
  /** Its subject's CN; the first of `names` by default. */
  readonly commonName?: string;
  /** How long it is still valid; a day by default, and below zero when it is no longer. */
  readonly validMs?: number;
}

/** A certificate and its key: the PEM files and what is in them. */
export interface CertificatePair {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** A CA with a first certificate that it signed, for `localhost`, `127.0.0.1` and `::1`. */
export interface TestCertificates extends CertificatePair {
  readonly dir: string;
  readonly caFile: string;
  readonly ca: string;
  /** One more certificate that the CA signs; its files are called `name.pem` and `name.key`, and may be there already. */
  issue(name: string, wishes: CertificateWishes): CertificatePair;
}

/** Hands out certificates in a directory that goes afterwards. */
export async function withCertificates<T>(fn: (certificates: TestCertificates) => T | Promise<T>): Promise<T> {
  return await withTempDir(async (dir) => {
    const caKeys = newKeyPair();
    const ca = signCertificate(
      { issuer: CA_NAME, commonName: CA_NAME, names: [], validMs: DAY_MS, isCa: true },
      caKeys.publicKey,
      caKeys.privateKey,
    );
    const caFile = join(dir, 'ca.pem');
    writeFileSync(caFile, ca);
    const issue = (
      name: string,
      { names = [], commonName = names[0] ?? 'nameless', validMs = DAY_MS }: CertificateWishes,
    ): CertificatePair => {
      const keys = newKeyPair();
      const cert = signCertificate({ issuer: CA_NAME, commonName, names, validMs, isCa: false }, keys.publicKey, caKeys.privateKey);
      const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      const [certFile, keyFile] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
      return { certFile, keyFile, cert, key };
    };
    return await fn({ dir, caFile, ca, issue, ...issue('localhost', { names: ['localhost', '127.0.0.1', '::1'] }) });
  });
}
