// What was wrong with the framing of a chunked body. Runs only after a body has been refused. A reason quotes at most
// one byte: where the framing is wrong, the bytes may belong to the body itself. Pure.

import { TOKEN_CHARS } from './grammar.js';
import { oddNameOf, whyBrokenLines } from './head-reasons.js';
import { describeByte, quote } from './reason-text.js';

/** How `ChunkedReader` refused a body. */
export type BadChunkStep = 'bad' | 'bad-trailer' | 'too-long';

/**
 * Why a chunked body was refused.
 * @param text latin1, from the faulty element on, as far as it has arrived
 */
export function whyBadChunk(step: BadChunkStep, text: string): string {
  switch (step) {
    case 'bad':
      return whyBadSize(text);
    case 'bad-trailer':
      return whyBadTrailer(text);
    case 'too-long':
      return new RegExp(`^[${TOKEN_CHARS}]+:`).test(text) ? 'trailers above 8 KiB' : 'chunk size and extensions above 256 bytes';
  }
}

/** Why trailers are refused. @param text from the first of them on */
export function whyBadTrailer(text: string): string {
  const end = text.indexOf('\r\n\r\n');
  const lines = end < 0 ? text : text.slice(0, end + 2);
  const odd = oddNameOf(lines);
  return whyBrokenLines(lines, 'trailers') ?? (odd === undefined ? 'trailers' : `trailer name ${quote(odd)}`);
}

function whyBadSize(text: string): string {
  const [size = '', digits = '', spaces = ''] = /^0*([0-9A-Fa-f]*)([ \t]*)/.exec(text) ?? [];
  const next = text[size.length];
  if (digits.length > 13) return 'chunk size of more than 13 digits';
  if (next === '\n') return 'bare LF in the chunked framing';
  if (next === '\r' && text[size.length + 1] !== '\n') return 'bare CR in the chunked framing';
  if (next === ';') return 'chunk extension';
  if (next === '\r' || next === undefined)
    return size === '' ? 'empty chunk size' : spaces === '' ? 'chunk framing' : 'space after a chunk size';
  // Data longer than its declared size looks the same.
  return `${describeByte(next.charCodeAt(0))} in a chunk size, or no CR LF after a chunk`;
}
