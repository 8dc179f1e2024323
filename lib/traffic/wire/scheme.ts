// The scheme by which a client came: that of its connection, or what a trusted proxy in front says. Pure.

import type { ClientFacts } from './headers.js';

const FIELD = 'x-forwarded-proto';

/** The scheme of a request. @param headers name, value, name, value, … as received */
export function schemeOf({ isTls, isTrusted }: ClientFacts, headers: readonly string[]): 'http' | 'https' {
  if (isTrusted) {
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (name.length !== FIELD.length || name.toLowerCase() !== FIELD) continue;
      const claimed = (headers[i + 1] as string).trim().toLowerCase();
      if (claimed === 'http' || claimed === 'https') return claimed;
    }
  }
  return isTls ? 'https' : 'http';
}
