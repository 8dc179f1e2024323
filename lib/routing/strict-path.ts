// Paths that a host might read differently from the router: `paths: strict` refuses them. One pass, no allocation.
// The list and its reasons: docs/routing.md.

import { encodedByteAt } from './target-tokens.js';

const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const SEMICOLON = 0x3b;
const PERCENT = 0x25;
const QUESTION_MARK = 0x3f;
const HASH_SIGN = 0x23;

/** The largest number of dots of a segment that goes nowhere or up. */
const MAX_STEP_DOTS = 2;

/**
 * Whether a target's path may mean something else to a host: it has segments `.` or `..`, empty segments, an encoded
 * slash, a backslash, `;`, a control character, an encoded percent sign before two hex digits, a broken
 * percent-encoding, or bytes that are no UTF-8; also a `#`, which no target may have. `*` is fine; any other target
 * without a slash at its start is not. The query is not looked at.
 * @param target latin1
 */
export function isAmbiguousPath(target: string): boolean {
  const { length } = target;
  if (target.charCodeAt(0) !== SLASH) return target !== '*';
  /** The dots of the segment so far; -1 if it has anything else. */
  let dots = 0;
  /** Bytes that the present character of UTF-8 still needs, and the bounds of the next one. */
  let needed = 0;
  let low = 0x80;
  let high = 0xbf;
  for (let i = 1; i < length; i++) {
    let byte = target.charCodeAt(i);
    if (byte === QUESTION_MARK) return needed > 0 || isStep(dots);
    if (byte === HASH_SIGN) return true;
    const isEncoded = byte === PERCENT;
    if (isEncoded) {
      byte = encodedByteAt(target, i);
      if (byte < 0 || byte === SLASH) return true;
      // Who decodes twice would read another character.
      if (byte === PERCENT && isPairOfDigits(target, i + 3)) return true;
      i += 2;
    }
    if (byte === BACKSLASH || byte === SEMICOLON || byte < 0x20 || byte === 0x7f) return true;
    if (needed > 0) {
      if (byte < low || byte > high) return true;
      needed--;
      low = 0x80;
      high = 0xbf;
    } else if (byte >= 0x80) {
      // The table of well-formed sequences (Unicode, table 3-7): neither overlong forms, nor surrogates, nor beyond U+10FFFF.
      if (byte < 0xc2 || byte > 0xf4) return true;
      needed = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      if (byte === 0xe0) low = 0xa0;
      else if (byte === 0xed) high = 0x9f;
      else if (byte === 0xf0) low = 0x90;
      else if (byte === 0xf4) high = 0x8f;
    }
    if (byte === SLASH) {
      // An empty segment, `.` or `..`.
      if (dots >= 0 && dots <= MAX_STEP_DOTS) return true;
      dots = 0;
    } else if (byte !== DOT) dots = -1;
    else if (dots >= 0) dots++;
  }
  return needed > 0 || isStep(dots);
}

/** Whether a last segment is `.` or `..`; an empty one is only a slash at the end. */
function isStep(dots: number): boolean {
  return dots > 0 && dots <= MAX_STEP_DOTS;
}

/** Whether two hex digits follow. */
function isPairOfDigits(text: string, at: number): boolean {
  return encodedByteAt(text, at - 1) >= 0;
}
