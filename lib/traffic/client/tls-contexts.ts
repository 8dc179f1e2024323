// TLS towards clients: loads the certificates and keys of --tls-cert and --tls-key and selects one by SNI. Each load, at
// the start and at reloads, is all or nothing: no handshake ever sees a mix of old and new.

import { constants, type X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { CertificateExpiry } from '../../certificate-expiry.js';
import { MeercatError } from '../../errors.js';
import { fileReason } from '../../file-reason.js';
import { readRegularFile } from '../../read-file.js';
import { parseCertificates, readPrivateKey } from '../../pem.js';

/** The certificates that are in use. */
export interface TlsContexts {
  /** When each expires. */
  readonly expiries: readonly CertificateExpiry[];
  /** For clients without SNI, or whose name no certificate has: the first certificate. */
  readonly secureContext: SecureContext;
  /** Selects a certificate by the client's SNI. */
  readonly SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => void;
  /**
   * Reads all files again. The next handshake uses the new ones; open connections are not affected. Throws as
   * `openTlsContexts` does, and then nothing changes.
   */
  reload(): void;
}

/**
 * RFC 9325, section 3.1.1. Ciphers are Node's defaults, in the server's order of preference. No client may negotiate
 * anew: each time would cost us a signature, and TLS 1.3 has done away with it.
 */
const RULES = { minVersion: 'TLSv1.2', honorCipherOrder: true, secureOptions: constants.SSL_OP_NO_RENEGOTIATION } as const;

interface Loaded {
  readonly expiries: readonly CertificateExpiry[];
  readonly firstContext: SecureContext;
  /** By name in lower case; wildcards as they are written. */
  readonly byName: ReadonlyMap<string, SecureContext>;
}

/**
 * Opens certificates and keys, the n-th key for the n-th certificate. Throws MEERCAT_BAD_CONFIG, naming flag and file,
 * when one cannot be read, is malformed, or does not belong to the other.
 */
export function openTlsContexts(certFiles: readonly string[], keyFiles: readonly string[]): TlsContexts {
  let loaded = load(certFiles, keyFiles);
  return {
    get expiries() {
      return loaded.expiries;
    },
    get secureContext() {
      return loaded.firstContext;
    },
    SNICallback: (name, done) => done(null, contextFor(loaded, name)),
    reload() {
      loaded = load(certFiles, keyFiles);
    },
  };
}

/** The exact name, else a wildcard, which stands for one label (RFC 6125, section 6.4.3), else the first certificate. */
function contextFor({ byName, firstContext }: Loaded, name: string): SecureContext {
  const asked = name.toLowerCase().replace(/\.$/, '');
  const dot = asked.indexOf('.');
  return byName.get(asked) ?? (dot > 0 ? byName.get(`*${asked.slice(dot)}`) : undefined) ?? firstContext;
}

function load(certFiles: readonly string[], keyFiles: readonly string[]): Loaded {
  if (certFiles.length !== keyFiles.length)
    throw badConfig(`--tls-cert and --tls-key go in pairs, and there are ${certFiles.length} and ${keyFiles.length}`);
  const byName = new Map<string, SecureContext>();
  const expiries: CertificateExpiry[] = [];
  let firstContext: SecureContext | undefined;
  for (const [index, certFile] of certFiles.entries()) {
    const { names, context, notAfterMs } = loadPair(certFile, keyFiles[index] as string);
    expiries.push({ file: certFile, notAfterMs });
    firstContext ??= context;
    // The first certificate for a name wins.
    for (const name of names) if (!byName.has(name)) byName.set(name, context);
  }
  if (firstContext === undefined) throw badConfig('--tls-cert names no file');
  return { expiries, firstContext, byName };
}

function loadPair(certFile: string, keyFile: string): { names: string[]; context: SecureContext; notAfterMs: number } {
  const inCert = `--tls-cert ${certFile}`;
  const inKey = `--tls-key ${keyFile}`;
  const cert = attempt(inCert, () => readRegularFile(certFile));
  const [leaf] = attempt(inCert, () => parseCertificates(cert.toString('latin1'))) as [X509Certificate];
  const key = attempt(inKey, () => readRegularFile(keyFile));
  const privateKey = attempt(inKey, () => readPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) throw badConfig(`${inKey}: not the key of the first certificate in ${certFile}`);
  const context = attempt(inCert, () => createSecureContext({ ...RULES, cert, key }));
  return { names: namesOf(leaf), context, notAfterMs: Date.parse(leaf.validTo) };
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw badConfig(`${what}: ${fileReason(thrown)}`, thrown);
  }
}

const badConfig = (message: string, cause?: unknown) => new MeercatError('MEERCAT_BAD_CONFIG', message, { cause });

/** Node's format of alternative names, `DNS:a.example, IP Address:192.0.2.1`; odd values are quoted. */
const ALTERNATIVE_NAME = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/gy;

/** A certificate's names in lower case: its DNS names and addresses, or its CN if it has neither, as in old certificates. */
function namesOf(certificate: X509Certificate): string[] {
  const names = [...(certificate.subjectAltName ?? '').matchAll(ALTERNATIVE_NAME)]
    .filter(([, kind]) => kind === 'DNS' || kind === 'IP Address')
    .map(([, , name = '']) => name.toLowerCase());
  if (names.length > 0) return names;
  const commonName = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
  return commonName === undefined ? [] : [commonName.toLowerCase()];
}
