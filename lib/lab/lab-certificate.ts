// The certificate of all proxies that are measured over TLS: self-signed, ECDSA P-256, created for each run in a
// temporary folder that is removed afterwards.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRunFolder } from '../run-folder.js';
import type { Shutdown } from '../shutdown.js';
import { newKeyPair, signCertificate } from './x509.js';

/** A certificate for 127.0.0.1 and its PEM files. */
export interface LabCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** Certificate and key in one file, as HAProxy reads them. */
  readonly bothFile: string;
  /** The certificate (PEM), for clients to trust. */
  readonly cert: string;
}

/** Creates a certificate that is valid for one day; `shutdown` removes its files. */
export function createLabCertificate(shutdown: Shutdown): LabCertificate {
  const folder = createRunFolder('bench');
  shutdown.add(() => folder.remove());
  const { publicKey, privateKey } = newKeyPair();
  const cert = signCertificate(
    { issuer: 'Meercat bench', commonName: 'Meercat bench', names: ['127.0.0.1'], validMs: 86_400_000, isCa: false },
    publicKey,
    privateKey,
  );
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const write = (name: string, text: string): string => {
    const file = join(folder.path, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return { certFile: write('cert.pem', cert), keyFile: write('key.pem', key), bothFile: write('both.pem', cert + key), cert };
}
