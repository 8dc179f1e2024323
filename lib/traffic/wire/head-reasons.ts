// Which line of a head was at fault. Runs only after a head has been refused. Values are quoted only for headers that
// frame a message; for others only the name is, since the value may be a secret. Pure.

import { isClaim } from './claims.js';
import { TOKEN_CHARS } from './grammar.js';
import { describeByte, quote, quoteValue } from './reason-text.js';

const NO_TOKEN = new RegExp(`[^${TOKEN_CHARS}]`);
const PLAIN_NAME = /^[0-9A-Za-z-]+$/;
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** The header lines of a head, without its first line and anything after the head. */
export function headerLinesOf(text: string): string {
  const start = text.indexOf('\r\n');
  const end = text.indexOf('\r\n\r\n');
  return start < 0 ? '' : text.slice(start + 2, end < 0 ? text.length : end + 2);
}

/**
 * The first syntax error in header lines: line ends, folding, names, control characters; undefined when there is none.
 * @param where the part of the message they belong to, such as `head`
 */
export function whyBrokenLines(lines: string, where: string): string | undefined {
  const all = lines.split('\r\n');
  for (const [index, line] of all.entries()) {
    if (line === '') continue;
    if (line.includes('\n')) return `bare LF in the ${where}`;
    // The last line may be cut between CR and LF.
    if (/\r(?!$)/.test(line)) return `bare CR in the ${where}`;
    if (line.startsWith(' ') || line.startsWith('\t')) return `folded line in the ${where}`;
    // The last line is incomplete and may still turn out valid.
    if (index === all.length - 1) return undefined;
    const colon = line.indexOf(':');
    if (colon < 0) return `line without a colon in the ${where}`;
    const name = line.slice(0, colon);
    if (name === '') return `header without a name in the ${where}`;
    if (/^[!-~]+[ \t]+$/.test(name)) return `space between ${quote(name.trimEnd())} and its colon`;
    // An invalid name may be part of a value, so quote one character only.
    const odd = NO_TOKEN.exec(name)?.[0];
    if (odd !== undefined) return `${describeByte(odd.charCodeAt(0))} in a header name`;
    const wrong = NO_VALUE.exec(line.slice(colon + 1))?.[0];
    if (wrong !== undefined && wrong !== '\r') return `byte ${describeByte(wrong.charCodeAt(0))} in the value of ${quote(name)}`;
  }
  return undefined;
}

/** The first name that a host may take for another: one with `_` or a claim in an odd spelling, else the first with any other sign. */
export function oddNameOf(lines: string): string | undefined {
  const odd = lines
    .split('\r\n')
    .map((line) => line.slice(0, Math.max(0, line.indexOf(':'))))
    .filter((name) => name !== '' && !PLAIN_NAME.test(name));
  return odd.find((name) => name.includes('_') || isClaim(name)) ?? odd[0];
}

/** All values of a header, in order. */
export function valuesOf(lines: string, name: string): string[] {
  return lines.split('\r\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return line.slice(0, Math.max(0, colon)).toLowerCase() === name ? [line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')] : [];
  });
}

/**
 * What is wrong with Content-Length; undefined when it is absent, or present once as a plain number.
 * @param isRepeatable whether it may be repeated with the same value
 */
export function whyBadLength(lines: string, isRepeatable: boolean): string | undefined {
  const said = valuesOf(lines, 'content-length');
  const values = isRepeatable ? [...new Set(said.flatMap((value) => value.split(',').map((each) => each.trim())))] : said;
  const [first = '', second] = values;
  if (second !== undefined) return `content-length ${quoteValue(first)} and ${quoteValue(second)}`;
  return values.length === 0 || /^(?:0|[1-9]\d{0,14})$/.test(first) ? undefined : `content-length ${quoteValue(first)}`;
}

/** What is wrong with Transfer-Encoding; undefined when it is absent, or `chunked` alone. */
export function whyBadCoding(lines: string, minorVersion: 0 | 1): string | undefined {
  const values = valuesOf(lines, 'transfer-encoding');
  const [first, second] = values;
  if (first === undefined) return undefined;
  if (second !== undefined) return `transfer-encoding ${quoteValue(first)} and ${quoteValue(second)}`;
  if (first.toLowerCase() !== 'chunked') return `transfer-encoding ${quoteValue(first)}`;
  if (minorVersion === 0) return 'transfer-encoding in HTTP/1.0';
  return valuesOf(lines, 'content-length').length > 0 ? 'transfer-encoding with content-length' : undefined;
}
