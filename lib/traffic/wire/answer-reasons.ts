// Why a host's answer could not be read. Runs only after the parser has refused the answer, and finds the fault in the
// text alone: it does not need to know where the parser stopped. Pure.

import { headerLinesOf, whyBadCoding, whyBadLength, whyBrokenLines } from './head-reasons.js';
import { boundReason, describeByte, describeSize, quote, quoteValue } from './reason-text.js';
import type { RequestHead } from './request-head.js';
import type { ResponseHead } from './response-head.js';

/**
 * Why a head is no answer.
 * @param bytes what was read, the head at `offset`
 * @param maxHeadBytes a head longer than this was refused for its length, unless something else is wrong with it
 */
export function whyBadHead(bytes: Buffer, offset: number, maxHeadBytes: number): string {
  const found = bytes.indexOf('\r\n\r\n', offset, 'latin1');
  const size = (found < 0 ? bytes.length : found + 4) - offset;
  const text = bytes.toString('latin1', offset, offset + size);
  const lineEnd = text.search(/[\r\n]/);
  const line = text.slice(0, lineEnd < 0 ? text.length : lineEnd);
  const [, minor, status] = /^HTTP\/1\.(\d) ([1-9]\d\d)(?: |$)/.exec(line) ?? [];
  if (status === undefined) return whyBadLine(text, line);
  const wrong = /[^\t\x20-\x7e\x80-\xff]/.exec(line)?.[0];
  if (wrong !== undefined) return `byte ${describeByte(wrong.charCodeAt(0))} in the status line`;
  if (lineEnd >= 0 && !text.startsWith('\r\n', lineEnd) && lineEnd + 1 < text.length)
    return `bare ${text[lineEnd] === '\n' ? 'LF' : 'CR'} in the status line`;
  const lines = headerLinesOf(text);
  const broken = whyBrokenLines(lines, 'head');
  if (broken !== undefined) return broken;
  const reason = whyBadLength(lines, true) ?? whyBadCoding(lines, minor === '0' ? 0 : 1);
  if (reason !== undefined) return reason;
  if (Number(status) < 200 && size <= maxHeadBytes) return 'too many informational answers';
  return `answer head of ${found < 0 ? 'more than ' : ''}${describeSize(size)} (--max-response-header-size)`;
}

/** Describes the text found in place of a status line. */
function whyBadLine(text: string, line: string): string {
  if (text.startsWith('\x15\x03')) return 'TLS alert instead of an answer: is the host https://?';
  const [version = ''] = line.split(' ', 1);
  if (/^HTTP\/\d?(?:\.\d*)?$/.test(version) && !/^HTTP\/1\.\d$/.test(version)) return `version ${quote(version)}`;
  const [, status] = /^HTTP\/1\.\d (\S*)/.exec(line) ?? [];
  return status === undefined ? 'no status line' : `status ${quote(status)}`;
}

/** Why a 101 opens no tunnel. */
export function whyBadSwitch({ headers }: Pick<ResponseHead, 'headers'>, { upgrade }: Pick<RequestHead, 'upgrade'>): string {
  const [first, second] = headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === 'upgrade').map(quoteValue);
  if (second === undefined && first === quoteValue('websocket') && upgrade === 'websocket')
    return '101 whose Sec-WebSocket-Accept does not answer the key';
  const named = first === undefined ? 'without Upgrade' : `to ${first}${second === undefined ? '' : ` and ${second}`}`;
  return boundReason(`101 ${named}, asked for ${upgrade === undefined ? 'none' : quoteValue(upgrade)}`);
}
