// Which line of a head was the culprit: looked for once a head is refused, never before. Values are quoted of headers
// that frame a message, of others only the name, since the value may be a secret. Pure.

import { TOKEN_CHARS, trimBlanks } from './grammar.js';
import { isOddName } from './header-names.js';
import { describeByte, quote, quoteValue } from './reason-text.js';

const NO_TOKEN = new RegExp(`[^${TOKEN_CHARS}]`);
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** The header lines of a head, without its first line and what may follow it. */
export function headerLinesOf(text: string): string {
  const start = text.indexOf('\r\n');
  const end = text.indexOf('\r\n\r\n');
  return start < 0 ? '' : text.slice(start + 2, end < 0 ? text.length : end + 2);
}

/**
 * What is wrong with header lines by themselves: line ends, folds, names, control characters; undefined when nothing is.
 * @param where the part of a message that they are, such as `head`
 */
export function whyBrokenLines(lines: string, where: string): string | undefined {
  const all = lines.split('\r\n');
  for (const [index, line] of all.entries()) {
    if (line === '') continue;
    if (line.includes('\n')) return `bare LF in the ${where}`;
    // The last line may have been cut in the middle of its end.
    if (/\r(?!$)/.test(line)) return `bare CR in the ${where}`;
    if (line.startsWith(' ') || line.startsWith('\t')) return `folded line in the ${where}`;
    // What has no end yet can still become right.
    if (index === all.length - 1) return undefined;
    const colon = line.indexOf(':');
    if (colon < 0) return `line without a colon in the ${where}`;
    const name = line.slice(0, colon);
    if (name === '') return `header without a name in the ${where}`;
    if (/^[!-~]+[ \t]+$/.test(name)) return `space between ${quote(name.trimEnd())} and its colon`;
    // What is no name may be a part of a value: one character of it is told.
    const odd = NO_TOKEN.exec(name)?.[0];
    if (odd !== undefined) return `${describeByte(odd.charCodeAt(0))} in a header name`;
    const wrong = NO_VALUE.exec(line.slice(colon + 1))?.[0];
    if (wrong !== undefined && wrong !== '\r') return `byte ${describeByte(wrong.charCodeAt(0))} in the value of ${quote(name)}`;
  }
  return undefined;
}

/** The first name that a host may take for another; undefined without one. */
export function oddNameOf(lines: string): string | undefined {
  return lines
    .split('\r\n')
    .map((line) => line.slice(0, Math.max(0, line.indexOf(':'))))
    .find((name) => name !== '' && isOddName(name));
}

/** All values of a header, in their order. */
export function valuesOf(lines: string, name: string): string[] {
  return lines.split('\r\n').flatMap((line) => {
    const colon = line.indexOf(':');
    return line.slice(0, Math.max(0, colon)).toLowerCase() === name ? [trimBlanks(line, colon + 1, line.length)] : [];
  });
}

/**
 * What Content-Length says wrongly; undefined when it stands there once, as a plain number, or not at all.
 * @param isRepeatable whether it may be said several times, if always the same
 */
export function whyBadLength(lines: string, isRepeatable: boolean): string | undefined {
  const said = valuesOf(lines, 'content-length');
  const values = isRepeatable ? [...new Set(said.flatMap((value) => value.split(',').map((each) => each.trim())))] : said;
  const [first = '', second] = values;
  if (second !== undefined) return `content-length ${quoteValue(first)} and ${quoteValue(second)}`;
  return values.length === 0 || /^(?:0|[1-9]\d{0,14})$/.test(first) ? undefined : `content-length ${quoteValue(first)}`;
}

/** What Transfer-Encoding says wrongly; undefined when it is absent, or `chunked` alone. */
export function whyBadCoding(lines: string, minorVersion: 0 | 1): string | undefined {
  const values = valuesOf(lines, 'transfer-encoding');
  const [first, second] = values;
  if (first === undefined) return undefined;
  if (second !== undefined) return `transfer-encoding ${quoteValue(first)} and ${quoteValue(second)}`;
  if (first.toLowerCase() !== 'chunked') return `transfer-encoding ${quoteValue(first)}`;
  if (minorVersion === 0) return 'transfer-encoding in HTTP/1.0';
  return valuesOf(lines, 'content-length').length > 0 ? 'transfer-encoding with content-length' : undefined;
}
