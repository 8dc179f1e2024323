// The request line: its grammar, the methods that are served, and the forms that a target may have (RFC 9112, section
// 3). Pure.

import { METHODS } from 'node:http';
import type { TrafficLimits } from '../../config/traffic-config.js';
import { TOKEN_CHARS } from './grammar.js';
import { type Refusal, REFUSALS } from './refusals.js';

/** The limits of a request line. */
export type LineRules = Pick<TrafficLimits, 'maxUrlSize'>;

/** A whole request line: method, target, minor version. */
export const REQUEST_LINE = new RegExp(`^([${TOKEN_CHARS}]+) ([\\x21\\x22\\x24-\\x7e]+) HTTP/1\\.([01])\\r\\n`);

/** What stands before the version in a request line. */
export const METHOD_AND_TARGET = new RegExp(`^([${TOKEN_CHARS}]+) ([\\x21\\x22\\x24-\\x7e]+)$`);

/** host [":" port], RFC 3986 section 3.2.2: a name, an IPv4 address, or an IPv6 address in brackets; not empty. */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._~!$&'()*+,;=%-]{1,255})(?::\d{0,5})?$/;
const ABSOLUTE = /^https?:\/\/([^/?]*)/i;

const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

/** Why a method is not served. */
export function checkMethod(method: string): Refusal | undefined {
  if (method === 'CONNECT' || method === 'TRACE') return REFUSALS.method;
  return KNOWN_METHODS.has(method) ? undefined : REFUSALS.methodUnknown;
}

/** The target must be of a form that its method has, and must not contradict the Host header. */
export function checkTarget(method: string, target: string, host: string | undefined, minorVersion: 0 | 1): Refusal | undefined {
  if (host === undefined ? minorVersion === 1 : !AUTHORITY.test(host)) return REFUSALS.hostHeader;
  if (target.startsWith('/')) return undefined;
  if (target === '*') return method === 'OPTIONS' ? undefined : REFUSALS.target;
  const authority = ABSOLUTE.exec(target)?.[1];
  if (authority === undefined || !AUTHORITY.test(authority)) return REFUSALS.target;
  // One of them would decide behind us, and nobody knows which (RFC 9112, section 3.2.2).
  return host === undefined || authority.toLowerCase() === host.toLowerCase() ? undefined : REFUSALS.hostHeader;
}

/** Whether a head's target is longer than it may be, as far as it is there. */
export function isUrlTooLong(text: string, { maxUrlSize }: LineRules): boolean {
  const target = text.indexOf(' ') + 1;
  const end = text.indexOf(' ', target);
  return target > 0 && (end < 0 ? text.length : end) - target > maxUrlSize;
}

const LOOSE_LINE = new RegExp(`^[${TOKEN_CHARS}]+ \\S+ HTTP/1\\.[01]$`);

/** Why a head begins with what is no request line. */
export function refuseRequestLine(text: string, rules: LineRules): Refusal {
  if (isUrlTooLong(text, rules)) return REFUSALS.urlSize;
  const [line = ''] = text.split('\r\n', 1);
  if (/^\S+ \S+ HTTP\/\S*$/.test(line) && !/ HTTP\/1\.[01]$/.test(line)) return REFUSALS.version;
  return LOOSE_LINE.test(line) ? REFUSALS.target : REFUSALS.requestLine;
}

/**
 * Looks at a request line that may not be whole yet: gives a refusal when more bytes can't make it right, so
 * that a client does not wait for nothing (HTTP/0.9, garbage), else undefined.
 * @param text latin1, from the head's first byte on
 */
export function checkPartialLine(text: string, rules: LineRules): Refusal | undefined {
  const lineEnd = text.indexOf('\n');
  if (lineEnd >= 0) {
    const line = text.slice(0, lineEnd + 1);
    return REQUEST_LINE.test(line) && !isUrlTooLong(line, rules) ? undefined : refuseRequestLine(line, rules);
  }
  if (isUrlTooLong(text, rules)) return REFUSALS.urlSize;
  return PARTIAL_LINE.test(text) ? undefined : refuseRequestLine(`${text}\r\n`, rules);
}

const PARTIAL_LINE = new RegExp(`^[${TOKEN_CHARS}]*(?: [\\x21\\x22\\x24-\\x7e]*(?: [HTP/1.0]*\\r?)?)?$`);
