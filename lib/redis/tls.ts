// The files of an address with TLS: who vouches for the servers, and who this client is.

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { parseCertificates, readPrivateKey } from '../pem.js';
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
  const ca = read('ca', caFile, parseCertificates);
  const cert = read('cert', certFile, parseCertificates);
  const key = read('key', keyFile, (text) => readPrivateKey(Buffer.from(text)));
  const files = { ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  if (cert !== undefined && key !== undefined) {
    const [leaf] = parseCertificates(cert);
    if (leaf?.checkPrivateKey(readPrivateKey(Buffer.from(key))) !== true)
      throw refusal('key', keyFile as string, `not the key of the first certificate in ${certFile}`);
  }
  attempt('cert', certFile ?? caFile ?? '', () => createSecureContext(files));
  return files;
}

/** Reads a file, and what is in it. */
function read(name: ParameterName, file: string | undefined, parse: (text: string) => unknown): string | undefined {
  if (file === undefined) return undefined;
  return attempt(name, file, () => {
    const text = readFileSync(file, 'utf8');
    // OpenSSL takes a file without any certificate for an empty list of authorities.
    parse(text);
    return text;
  });
}

function attempt<Result>(name: ParameterName, file: string, act: () => Result): Result {
  try {
    return act();
  } catch (thrown) {
    throw refusal(name, file, fileReason(thrown), thrown);
  }
}

type ParameterName = 'ca' | 'cert' | 'key';

function refusal(name: ParameterName, file: string, reason: string, cause?: unknown): MeercatError {
  return new MeercatError('MEERCAT_BAD_CONFIG', `--redis: ${name}=${file}: ${reason}`, { cause });
}
