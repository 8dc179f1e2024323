// The rule for the console's token. It never stands in a message: what is wrong with it is said without it.

import { MeercatError } from '../errors.js';

/** The characters of a token in a header (RFC 6750, section 2.1, `b64token`), and lengths that can't be guessed and fit a head. */
const TOKEN = /^[A-Za-z0-9._~+/-]{16,512}={0,2}$/;

/** Gives the token back. Throws MEERCAT_BAD_CONFIG for what is none, naming its source, a flag or variable. */
export function checkConsoleToken(source: string, token: string): string {
  if (TOKEN.test(token)) return token;
  throw new MeercatError(
    'MEERCAT_BAD_CONFIG',
    `${source}: a token has 16 to 512 letters, digits and - . _ ~ + /, such as openssl rand -hex 32 prints`,
  );
}
