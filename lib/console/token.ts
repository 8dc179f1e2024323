// The console's token, from the environment or a file. It never stands in a message: what is wrong with it is said
// without it. A file without a token is refused, since it would leave the console as if none had been asked for.

import { readFileSync } from 'node:fs';
import type { BalancerConfig } from '../config/config.js';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';

/** The characters of a token in a header (RFC 6750, section 2.1, `b64token`), and lengths that can't be guessed and fit a head. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}={0,2}$/;

/** Reads the token; empty when none is set. Throws MEERCAT_BAD_CONFIG when the file can't be read or what it holds is no token. */
export function readConsoleToken({ consoleToken, consoleTokenFile }: Pick<BalancerConfig, 'consoleToken' | 'consoleTokenFile'>): string {
  if (consoleTokenFile === '') return consoleToken === '' ? '' : check('MEERCAT_CONSOLE_TOKEN', consoleToken);
  const source = `--console-token-file ${consoleTokenFile}`;
  let text: string;
  try {
    text = readFileSync(consoleTokenFile, 'utf8');
  } catch (thrown) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${source}: ${fileReason(thrown)}`, { cause: thrown });
  }
  return check(source, text.trim());
}

function check(source: string, token: string): string {
  if (TOKEN.test(token)) return token;
  throw new MeercatError(
    'MEERCAT_BAD_CONFIG',
    `${source}: a token has 16 to 512 letters, digits and - . _ ~ + /, such as openssl rand -hex 32 prints`,
  );
}
