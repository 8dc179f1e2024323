// The console's token, from the environment or a file. It never stands in a message: what is wrong with it is said
// without it. A file without a token is refused, since it would leave the console as if none had been asked for.

import type { BalancerConfig } from '../config/config.js';
import { checkConsoleToken } from '../config/console-token.js';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';
import { readRegularFile } from '../read-file.js';

/** A token has at most 514 characters; the rest is for the end of the line. */
const MAX_TOKEN_FILE_BYTES = 4096;

/** Reads the token; empty when none is set. Throws MEERCAT_BAD_CONFIG when the file can't be read or what it holds is no token. */
export function readConsoleToken({ consoleToken, consoleTokenFile }: Pick<BalancerConfig, 'consoleToken' | 'consoleTokenFile'>): string {
  if (consoleTokenFile === '') return consoleToken === '' ? '' : checkConsoleToken('MEERCAT_CONSOLE_TOKEN', consoleToken);
  const source = `--console-token-file ${consoleTokenFile}`;
  let text: string;
  try {
    text = readRegularFile(consoleTokenFile, MAX_TOKEN_FILE_BYTES).toString('utf8');
  } catch (thrown) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${source}: ${fileReason(thrown)}`, { cause: thrown });
  }
  return checkConsoleToken(source, text.trim());
}
