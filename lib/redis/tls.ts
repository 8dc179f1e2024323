// The TLS files of an address: CA certificates, and the client certificate and key.

import { createSecureContext } from 'node:tls';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { readRegularFile } from '../read-file.js';
import { parseCertificates, readPrivateKey } from '../pem.js';
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
    const text = readRegularFile(file).toString('utf8');
    // OpenSSL treats a file without certificates as an empty CA list.
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
