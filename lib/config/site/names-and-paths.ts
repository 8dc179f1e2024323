// Host names, paths and header names of routes: how each is written in a document, and the one form in which a site has
// it. Pure texts in, texts or reasons out. Invariant: two spellings that requests can't tell apart become one.

import { isIP, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { isUnchangeable } from '../unchangeable-headers.js';
import { code } from './problems.js';
import { fieldValue, isFieldName, mapped, notAName, parameterValue, text } from './value-shapes.js';
import type { KeyRule, Shape } from './shapes.js';

type Made = { readonly value: string } | { readonly wrong: string };

/** One label of a name; hosts of services may begin with `_`. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Longest name in DNS, in characters. */
const MAX_NAME = 253;

/**
 * A host name as routes have it: lower case, IDNs in their ASCII form (UTS 46), no dot at the end, an IPv6 address in its
 * shortest form in brackets.
 */
export function readHostName(written: string): Made {
  const name = written.replace(/\.$/, '');
  const isBracketed = /^\[.*\]$/.test(name);
  if (isBracketed || isIPv6(name)) {
    const address = isBracketed ? name.slice(1, -1) : name;
    if (!isIPv6(address) || address.includes('%'))
      return { wrong: `${code(written)} is no host name: between the brackets stands no IPv6 address` };
    return { value: new URL(`http://[${address}]/`).hostname };
  }
  if (name.includes('://') || name.includes('/')) return { wrong: `${code(written)} is no host name: leave out scheme and path` };
  const [, bare] = /^(.*):\d*$/.exec(name) ?? [];
  if (bare !== undefined) return { wrong: `${code(written)} has a port, and ports don't matter: write ${code(bare)}` };
  const ascii = domainToASCII(name);
  const isName = ascii !== '' && ascii.length <= MAX_NAME && ascii.split('.').every((label) => LABEL.test(label));
  // What is written as a number may be an address in another spelling, such as 0x7f.1.
  if (!isName || (isIP(ascii) !== 0 && ascii !== name)) return { wrong: `${code(written)} is no host name, such as www.example.test` };
  return { value: ascii };
}

/** The host names of a match: a name, or `*.` and a name. */
export function readHostPattern(written: string): Made {
  if (!written.startsWith('*')) return readHostName(written);
  if (written === '*') return { wrong: '`*` fits every name: leave `hosts` out instead' };
  const rest = written.slice(2);
  if (!written.startsWith('*.') || rest.includes('*'))
    return { wrong: `${code(written)}: a \`*\` can only be the first label, as in *.example.test` };
  const made = readHostName(rest);
  if ('wrong' in made) return made;
  return isIP(made.value) !== 0 || made.value.startsWith('[')
    ? { wrong: `${code(written)}: an address has no names below it` }
    : { value: `*.${made.value}` };
}

/** Any text of the length that a host name can have, for the schema; what is one is more than a pattern can say. */
const hostText = text({ wanted: 'a host name, such as www.example.test', pattern: /^\S+$/, maxLength: MAX_NAME + 3 });

/** See {@link readHostName}. */
export const hostName: Shape<string> = mapped(hostText, readHostName);

/** See {@link readHostPattern}. */
export const hostPattern: Shape<string> = mapped(hostText, readHostPattern);

const UNRESERVED = /[\w.~-]/;

/** Percent-encoded unreserved characters decoded, other encodings in upper case (RFC 3986, section 6.2.2): what requests are compared by. */
function withPlainEncodings(written: string): string {
  return written.replaceAll(/%([\dA-Fa-f]{2})/g, (encoding: string, digits: string) => {
    const sign = String.fromCharCode(Number.parseInt(digits, 16));
    return UNRESERVED.test(sign) ? sign : encoding.toUpperCase();
  });
}

const NOT_ASCII = /\P{ASCII}/u;

/** Longest path in a match or rewrite. */
const MAX_PATH = 1000;

/** A path without a query; percent-encodings become those that requests are compared by. */
export function readPath(written: string): Made {
  if (NOT_ASCII.test(written)) {
    return { wrong: `${code(written)}: characters beyond ASCII stand percent-encoded in a path: write ${code(encodeURI(written))}` };
  }
  if (!/^\/[\x21-\x7e]*$/.test(written))
    return { wrong: `must be a path such as /v2, which begins with a slash and has no blanks, not ${code(written)}` };
  if (written.includes('?')) return { wrong: `${code(written)}: what stands behind the \`?\` is no part of the path` };
  if (written.includes('#')) return { wrong: `${code(written)}: no request has a \`#\` in its path` };
  if (/%(?![\dA-Fa-f]{2})/.test(written)) return { wrong: `${code(written)}: behind % stand two hex digits; the sign itself is %25` };
  return { value: withPlainEncodings(written) };
}

/** A path that takes all paths below it, without a slash at its end unless it is the root. */
export function readPrefix(written: string): Made {
  const made = readPath(written);
  if ('wrong' in made) return made;
  if (made.value.endsWith('//')) return { wrong: `${code(written)}: a prefix ends with one slash or none` };
  return { value: made.value === '/' ? '/' : made.value.replace(/\/$/, '') };
}

const pathText = text({ wanted: 'a path such as /v2', pattern: /^[/]/, maxLength: MAX_PATH });

/** See {@link readPath}. */
export const path: Shape<string> = mapped(pathText, readPath);

/** See {@link readPrefix}. */
export const prefix: Shape<string> = mapped(pathText, readPrefix);

/** Segments and characters that a host may read differently; `paths: strict` refuses requests with them. */
const AMBIGUOUS = /\/(?:\.{0,2}\/|\.{1,2}$)|%2F|%5C|[\\;]|%[01][\dA-F]|%7F|%25[\dA-F]{2}/i;

/** Whether no request can have this path with `paths: strict`. */
export function isRefusedWhenStrict(value: string): boolean {
  if (AMBIGUOUS.test(value)) return true;
  try {
    decodeURIComponent(value);
    return false;
  } catch {
    return true;
  }
}

/** The value of a query parameter, in the encoding that requests are compared by. */
export const queryValue: Shape<string> = mapped(parameterValue, (written) => ({
  value: withPlainEncodings(written.replaceAll(/[^\x21-\x7e]/gu, (sign) => encodeURIComponent(sign))),
}));

/** Names of query parameters as keys of a map. */
export const PARAMETER_KEYS: KeyRule = {
  check: (key) =>
    /^[^&=#\s]{1,256}$/.test(key)
      ? undefined
      : `${code(key)} is no name of a query parameter: 1 to 256 characters without blanks, & = and #`,
};

/** Names of header fields as keys of a map. */
export const FIELD_KEYS: KeyRule = { check: (key) => (isFieldName(key) ? undefined : notAName(key)) };

/** Names of header fields in a match. */
export const MATCH_KEYS: KeyRule = {
  check: (key) => (key.toLowerCase() === 'host' ? '`Host` is matched by `hosts`: name it there' : FIELD_KEYS.check(key)),
};

/** The value of a header field in a match or change. */
export const headerValue: Shape<string> = fieldValue;

/** Fields of one side that make no sense on the other either. */
const NOWHERE: ReadonlySet<string> = new Set(['expect', 'host', 'via']);

/** Why a route can't change a header field; undefined when it can. */
export function whyUnchangeable(name: string, side: 'request' | 'response'): string | undefined {
  const lower = name.toLowerCase();
  if (!isUnchangeable(lower, side) && !NOWHERE.has(lower)) return undefined;
  if (lower === 'host') return '`Host` is the name that the client asked for, and goes to the host as it came: leave it out';
  if (lower.includes('forwarded')) return `${code(name)} says what Meercat knows of the client, and Meercat writes it itself: leave it out`;
  return `${code(name)} belongs to the connection or frames the message: Meercat writes it itself, leave it out`;
}
