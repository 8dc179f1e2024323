// Meercat's version, from its package.json.

import { readFileSync } from 'node:fs';

/** The version in package.json. */
export function readVersion(): string {
  // From dist/lib/ two folders up.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
