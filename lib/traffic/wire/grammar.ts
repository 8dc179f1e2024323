// The grammar of HTTP/1.1 heads, as strict as RFC 9110 and RFC 9112 allow, and the one way in which both
// sides read header lines. Texts are latin1: one character for each byte.

/** One character of a token (RFC 9110, section 5.6.2), for use inside brackets. */
export const TOKEN_CHARS = "!#$%&'*+.^_`|~0-9A-Za-z-";

/** One character of a header's value: no control characters except tab (RFC 9110, section 5.5), for use inside brackets. */
export const VALUE_CHARS = '\\t\\x20-\\x7e\\x80-\\xff';

/**
 * Splits header lines that the grammar has accepted into a raw list: name, value, name, value, …
 * Order, case and repetition are kept; whitespace around a value is trimmed.
 * @param lines each `name:value CRLF`, from `start` to `end`
 */
export function splitLines(lines: string, start: number, end: number): string[] {
  const headers: string[] = [];
  for (let at = start; at < end; ) {
    const colon = lines.indexOf(':', at);
    const lineEnd = lines.indexOf('\r\n', colon);
    let from = colon + 1;
    let to = lineEnd;
    while (from < to && isBlank(lines.charCodeAt(from))) from++;
    while (to > from && isBlank(lines.charCodeAt(to - 1))) to--;
    headers.push(lines.slice(at, colon), lines.slice(from, to));
    at = lineEnd + 2;
  }
  return headers;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * The value of a Content-Length: decimal digits only, at most 15 of them (more would lose digits beyond 2^53), without a
 * leading zero (some parsers would read it as octal); NaN for anything else.
 */
export function parseLength(value: string): number {
  return /^(?:0|[1-9]\d{0,14})$/.test(value) ? Number(value) : Number.NaN;
}

/** Whether a comma-separated list such as Connection contains this token (in lower case). */
export function hasToken(list: string, token: string): boolean {
  return list
    .toLowerCase()
    .split(',')
    .some((each) => each.trim() === token);
}
