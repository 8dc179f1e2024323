// Certificates for tests, made here: a CA and what it signs, written in DER by hand (RFC 5280) and signed by Node.
// Neither openssl nor a package is needed, and each test's are fresh.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { isIP, isIPv4 } from 'node:net';
import { join } from 'node:path';
import { withTempDir } from './places.js';

/** What a certificate says. */
export interface CertificateWishes {
  /** Its alternative names: DNS names, with or without a wildcard, and IP addresses. */
  readonly names?: readonly string[];
  /** Its subject's CN; the first of `names` unless told. */
  readonly commonName?: string;
  /** How long it is still valid; a day unless told, and below zero when it is no longer. */
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
    const caKeys = newKeys();
    const ca = certificate({ commonName: 'Meercat test CA' }, caKeys, caKeys.privateKey, true);
    const caFile = join(dir, 'ca.pem');
    writeFileSync(caFile, ca);
    const issue = (name: string, wishes: CertificateWishes): CertificatePair => {
      const keys = newKeys();
      const cert = certificate(wishes, keys, caKeys.privateKey, false);
      const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
      const [certFile, keyFile] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
      return { certFile, keyFile, cert, key };
    };
    return await fn({ dir, caFile, ca, issue, ...issue('localhost', { names: ['localhost', '127.0.0.1', '::1'] }) });
  });
}

interface Keys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const newKeys = (): Keys => generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** One value in DER: tag, length, content. */
function der(tag: number, ...contents: readonly (Buffer | number[])[]): Buffer {
  const content = Buffer.concat(contents.map((part) => Buffer.from(part)));
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Buffer[]) => der(0x30, ...parts);
const oid = (...bytes: readonly number[]) => der(0x06, [...bytes]);

const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const TRUE = der(0x01, [0xff]);

const nameOf = (commonName: string) => sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(commonName)))));

/** A time as UTCTime, `YYMMDDhhmmssZ`. */
const time = (epochMs: number) => der(0x17, Buffer.from(`${new Date(epochMs).toISOString().replace(/[-:T]|\.\d+/g, '').slice(2)}`));

function certificate(wishes: CertificateWishes, { publicKey }: Keys, signer: KeyObject, isCa: boolean): string {
  const { names = [], commonName = names[0] ?? 'nameless', validMs = 86_400_000 } = wishes;
  const extensions = [
    // basicConstraints, critical.
    sequence(oid(0x55, 0x1d, 0x13), TRUE, der(0x04, isCa ? sequence(TRUE) : sequence())),
  ];
  if (names.length > 0) extensions.push(sequence(oid(0x55, 0x1d, 0x11), der(0x04, sequence(...names.map(alternativeName)))));
  const endMs = Date.now() + validMs;
  const signed = sequence(
    der(0xa0, der(0x02, [2])),
    der(0x02, [1], randomBytes(8)),
    ECDSA_WITH_SHA256,
    nameOf('Meercat test CA'),
    sequence(time(Math.min(Date.now(), endMs) - 86_400_000), time(endMs)),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const whole = sequence(signed, ECDSA_WITH_SHA256, der(0x03, [0], sign('sha256', signed, signer)));
  const lines = whole.toString('base64').match(/.{1,64}/g) as string[];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function alternativeName(name: string): Buffer {
  if (isIP(name) === 0) return der(0x82, Buffer.from(name));
  return der(0x87, isIPv4(name) ? name.split('.').map(Number) : ipv6Bytes(name));
}

function ipv6Bytes(address: string): Buffer {
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
