// Odd header names: those that a program behind us may take for another name. CGI and its successors turn headers into
// variables and `-` into `_` (RFC 3875, section 4.1.18), so X_Forwarded_For and X-Forwarded-For become one. Some also
// map every other sign (lighttpd) or dots (PHP): that matters for names with a meaning to a balancer. Pure.

import { CLAIMS } from './claims.js';

const PLAIN_NAME = /^[0-9A-Za-z-]+$/;
const SIGN = /[^0-9A-Za-z-]/g;

/** Names with `-` that a balancer reads, sets or drops; names without it have no odd spelling. `isOddName` adds `X-Forwarded-`. */
const MEANT: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'http2-settings',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'x-request-id',
  ...CLAIMS,
]);

/** Whether a host may take a header's name for another one: it has `_`, or another sign in place of `-` in a name of `MEANT`. */
export function isOddName(name: string): boolean {
  if (PLAIN_NAME.test(name)) return false;
  if (name.includes('_')) return true;
  const read = name.replace(SIGN, '-').toLowerCase();
  return MEANT.has(read) || read.startsWith('x-forwarded-');
}

/** The odd names of a raw header list, in order; `NO_NAMES` itself when there are none. */
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
