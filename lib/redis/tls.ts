// The files of an address with TLS: who vouches for the servers, and who this client is.

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { MeercatError, messageOf } from '../errors.js';
import type { RedisAddress } from './address.js';

/** What Node's TLS is told; without anything in it, the system's authorities hold and the client shows no certificate. */
export interface RedisTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads the files that an address names; undefined for one without TLS. Throws MEERCAT_BAD_CONFIG when one is missing or no PEM. */
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
  // OpenSSL takes a file without any certificate for an empty list of authorities.
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
