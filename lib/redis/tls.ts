// The TLS files of an address: CA certificates, and the client certificate and key.

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { MeercatError, messageOf } from '../errors.js';
import type { RedisAddress } from './address.js';

/** Options for Node's TLS; if empty, the system's CAs apply and no client certificate is sent. */
export interface RedisTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads the files of an address; undefined for one without TLS. Throws MEERCAT_BAD_CONFIG if a file is missing or not PEM. */
export function readRedisTls({ isTls, caFile, certFile, keyFile }: RedisAddress): RedisTls | undefined {
  if (!isTls) return undefined;
  const ca = read('ca', caFile);
  const cert = read('cert', certFile);
  const key = read('key', keyFile);
  const files = { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  if (cert !== undefined) check(`cert=${certFile} and key=${keyFile}`, () => createSecureContext(files));
  return files;
}

function read(name: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  const told = `${name}=${file}`;
  const text = check(told, () => readFileSync(file, 'utf8'));
  // OpenSSL treats a file without certificates as an empty CA list.
  if (name !== 'key' && !text.includes('-----BEGIN CERTIFICATE-----')) throw refusal(told, new Error('no certificate in PEM form'));
  if (name === 'ca') check(told, () => createSecureContext({ ca: text }));
  return text;
}

function check<Result>(told: string, fn: () => Result): Result {
  try {
    return fn();
  } catch (thrown) {
    throw refusal(told, thrown);
  }
}

function refusal(told: string, cause: unknown): MeercatError {
  return new MeercatError('MEERCAT_BAD_CONFIG', `--redis: ${told}: ${messageOf(cause)}`, { cause });
}
