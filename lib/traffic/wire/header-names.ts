// Which header names a program behind us may take for another one. CGI and what follows it make a variable of each header
// and `_` of each `-` (RFC 3875, section 4.1.18): X_Forwarded_For and X-Forwarded-For become one there. Some do so with
// every other sign (lighttpd), some with dots (PHP): that matters for names which mean something to a balancer. Pure.

import { CLAIMS } from './claims.js';

const PLAIN_NAME = /^[0-9A-Za-z-]+$/;
const SIGN = /[^0-9A-Za-z-]/g;

/** Names that a balancer reads, sets or drops; those without `-` can't be taken for anything else. `X-Forwarded-` is below. */
const MEANT: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'http2-settings',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  ...CLAIMS,
]);

/** Whether a header's name may be read as another one by what stands behind a balancer: with `_`, or any other sign in place of the `-` of a name that means something. */
export function isOddName(name: string): boolean {
  if (PLAIN_NAME.test(name)) return false;
  if (name.includes('_')) return true;
  const read = name.replace(SIGN, '-').toLowerCase();
  return MEANT.has(read) || read.startsWith('x-forwarded-');
}

/** The odd names of a raw header list, in their order; the same empty list where there are none. */
export function oddNamesOf(headers: readonly string[]): readonly string[] {
  const odd = headers.filter((name, i) => i % 2 === 0 && isOddName(name));
  return odd.length === 0 ? NO_NAMES : odd;
}

/** A raw header list without the headers whose names are odd. */
export function withoutOddNames(headers: readonly string[]): string[] {
  return headers.filter((_, i) => !isOddName(headers[i & ~1] as string));
}

/** No names at all. */
export const NO_NAMES: readonly string[] = [];
