// The one normalisation of targets before they are matched: a percent-encoded unreserved character is that character,
// and the hex digits of other encodings have no case (RFC 3986, section 6.2.2). Nothing else: `/a/../b`, `//`, `%2F` and
// `;` are matched as written. Text becomes a sequence of tokens, read one at a time, so that no string is built.

/** Added to a byte that is percent-encoded, or should be, to distinguish it from the character itself. */
export const ENCODED_BYTE = 0x100;

const PERCENT = 0x25;

const HEX = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  HEX[value.toString(16).charCodeAt(0)] = value;
  HEX[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}

/** Bytes whose encoded form is equivalent to themselves (RFC 3986, section 2.3). */
const UNRESERVED = new Uint8Array(256);
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~') UNRESERVED[character.charCodeAt(0)] = 1;

/** The byte that a percent sign at `i` and the two digits after it stand for; -1 if they are no encoding. */
export function encodedByteAt(text: string, i: number): number {
  if (i + 2 >= text.length) return -1;
  const high = text.charCodeAt(i + 1);
  const low = text.charCodeAt(i + 2);
  if (high > 0xff || low > 0xff) return -1;
  // A digit that is none is -1, and makes the result negative.
  return ((HEX[high] as number) << 4) | (HEX[low] as number);
}

/**
 * The token that begins at `i`, and its length in characters: `(token << 2) | length`. A token is an ASCII character, or
 * ENCODED_BYTE and a byte. A byte that may only occur encoded (controls, space, above ASCII) counts as encoded.
 * @param text latin1
 */
export function tokenAt(text: string, i: number): number {
  const code = text.charCodeAt(i);
  if (code === PERCENT) {
    const byte = encodedByteAt(text, i);
    if (byte < 0) return (PERCENT << 2) | 1;
    return ((UNRESERVED[byte] === 1 ? byte : ENCODED_BYTE + byte) << 2) | 3;
  }
  return ((code > 0x20 && code < 0x7f ? code : ENCODED_BYTE + code) << 2) | 1;
}

/** The UTF-8 bytes of a text as latin1, which is how requests are read. */
export function latin1Of(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes;
}

/**
 * The tokens of a text of the site, as the codes of a string.
 * @param delimiters characters that would end the text in a target: here they stand for their encoded form
 */
export function tokensOf(written: string, delimiters: string): string {
  // Most texts are their own tokens.
  if (/^[\w/.~-]*$/.test(written)) return written;
  const text = latin1Of(written);
  let tokens = '';
  for (let i = 0; i < text.length; ) {
    const packed = tokenAt(text, i);
    const token = packed >> 2;
    tokens += String.fromCharCode(token < ENCODED_BYTE && delimiters.includes(String.fromCharCode(token)) ? ENCODED_BYTE + token : token);
    i += packed & 3;
  }
  return tokens;
}

/** Whether the part of a target from `start` to `end` has exactly these tokens, or their first `count`. */
export function hasTokens(target: string, start: number, end: number, tokens: string, count = tokens.length): boolean {
  let i = start;
  for (let k = 0; k < count; k++) {
    if (i >= end) return false;
    const packed = tokenAt(target, i);
    if (packed >> 2 !== tokens.charCodeAt(k)) return false;
    i += packed & 3;
  }
  return i === end;
}

/** Where a prefix of whole segments ends in a target; -1 if the target does not begin with it. `/` ends before the first slash. */
export function endOfPrefix(target: string, prefix: string): number {
  let i = 0;
  const count = prefix === '/' ? 0 : prefix.length;
  for (let k = 0; k < count; k++) {
    if (i >= target.length) return -1;
    const packed = tokenAt(target, i);
    if (packed >> 2 !== prefix.charCodeAt(k)) return -1;
    i += packed & 3;
  }
  return i === target.length || '/?#'.includes(target.charAt(i)) ? i : -1;
}
