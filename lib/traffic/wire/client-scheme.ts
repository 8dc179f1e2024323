// The scheme by which a client came, as hosts are told it in X-Forwarded-Proto: routes match on it, redirects keep it.

import type { Scheme } from './authority.js';
import type { ClientFacts } from './headers.js';

const NAME = 'x-forwarded-proto';

/** The scheme of a request: what the first X-Forwarded-Proto of a trusted proxy says, if that is a scheme; else the connection's own. */
export function schemeOf({ isTls, isTrusted }: Pick<ClientFacts, 'isTls' | 'isTrusted'>, headers: readonly string[]): Scheme {
  const own = isTls ? 'https' : 'http';
  if (!isTrusted) return own;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length !== NAME.length || name.toLowerCase() !== NAME) continue;
    const said = (headers[i + 1] as string).toLowerCase();
    return said === 'https' || said === 'http' ? said : own;
  }
  return own;
}
