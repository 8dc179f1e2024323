// X.509 certificates with an ECDSA P-256 key, written in DER by hand (RFC 5280) and signed by Node: neither openssl
// nor a package is needed. For benchmarks and tests on loopback, not for production.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';

/** A key pair. */
export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** The content of a certificate. */
export interface CertificateContent {
  readonly issuer: string;
  /** The subject's CN. */
  readonly commonName: string;
  /** Alternative names: DNS names, with or without a wildcard, and IP addresses. */
  readonly names: readonly string[];
  /** Validity from now on; negative if it has expired. It starts one day earlier. */
  readonly validMs: number;
  readonly isCa: boolean;
}

/** A fresh ECDSA P-256 key pair. */
export function newKeyPair(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** Signs a certificate for this public key; returns PEM. It is self-signed if `signer` is the private key of the same pair. */
export function signCertificate(
  { issuer, commonName, names, validMs, isCa }: CertificateContent,
  publicKey: KeyObject,
  signer: KeyObject,
): string {
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
    nameOf(issuer),
    sequence(time(Math.min(Date.now(), endMs) - 86_400_000), time(endMs)),
    nameOf(commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const whole = sequence(signed, ECDSA_WITH_SHA256, der(0x03, [0], sign('sha256', signed, signer)));
  const lines = whole.toString('base64').match(/.{1,64}/g) as string[];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

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
const time = (epochMs: number) =>
  der(
    0x17,
    Buffer.from(
      `${new Date(epochMs)
        .toISOString()
        .replace(/[-:T]|\.\d+/g, '')
        .slice(2)}`,
    ),
  );

function alternativeName(name: string): Buffer {
  if (isIP(name) === 0) return der(0x82, Buffer.from(name));
  return der(0x87, isIPv4(name) ? name.split('.').map(Number) : ipv6Bytes(name));
}

function ipv6Bytes(address: string): Buffer {
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
