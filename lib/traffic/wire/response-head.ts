// The head of a host's answer, read strictly (RFC 9112, sections 4 and 6). Pure.

import { isLoadHeader } from '../../learning/orca-header.js';
import type { HeaderEdit } from './header-edit.js';
import type { ComposedFields } from './http2-fields.js';
import { hasToken, parseLength, splitLines, TOKEN_CHARS, VALUE_CHARS } from './grammar.js';

/** How an answer's body is delimited; `close`: by the end of the connection. */
export type AnswerFraming = 'none' | 'length' | 'chunked' | 'close';

/** The head of an answer. */
export interface ResponseHead {
  readonly status: number;
  /** As received; may be empty. */
  readonly reason: string;
  /** Name, value, name, value, … as received, except that equal Content-Lengths are merged into one. */
  readonly headers: readonly string[];
  readonly framing: AnswerFraming;
  /** Bytes of the body when `framing` is `length`, else 0. */
  readonly length: number;
  /** Whether the host keeps the connection after this answer. */
  readonly isKeptAlive: boolean;
  /** The seconds of `Keep-Alive: timeout=`; Infinity when absent. */
  readonly keepAliveSeconds: number;
  /** Index of the load report in `headers`; `NO_LOAD` without one, `SEVERAL_LOADS` with more than one. */
  readonly loadAt: number;
  /** Whether its content type is one of answers without an end: server-sent events, or images that replace each other. */
  readonly isStream: boolean;
  /** Whether the host sent a Date. */
  readonly hasDate: boolean;
  /** Whether the body is empty and no field says so: clients of HTTP/1 need a Content-Length. */
  readonly isEmptyUnsaid: boolean;
  /** Status line and header lines as clients of HTTP/1.1 get them; undefined until `answerHead` composes them. */
  passed: string | undefined;
  /** The route's changes with which they were composed. */
  passedWith: HeaderEdit | undefined;
  /** The fields as clients of HTTP/2 get them; undefined until they are composed. */
  passedHttp2?: ComposedFields | undefined;
}

/** An answer without a load report. */
export const NO_LOAD = -1;

/** An answer with more than one load report: none of them is used. */
export const SEVERAL_LOADS = -2;

const HEAD = new RegExp(
  `^HTTP/1\\.(\\d) ([1-9]\\d\\d)(?: ([${VALUE_CHARS}]*))?\\r\\n(?:[${TOKEN_CHARS}]+:[${VALUE_CHARS}]*\\r\\n)*\\r\\n$`,
);

/** The content types of streams (WHATWG HTML, section 9.2; RFC 2046, section 5.1 with `x-mixed-replace`). */
const STREAM = /^(?:text\/event-stream|multipart\/x-mixed-replace)[\t ]*(?:;|$)/i;

/** Whether a content type is one of answers without an end. */
export const isStreamType = (value: string): boolean => STREAM.test(value);

/**
 * Reads a head; undefined unless every parser would read it in the same way.
 * @param text latin1, ends with CRLF CRLF
 * @param isHead whether the request's method was HEAD: the answer then has no body, whatever its headers say
 */
export function readResponseHead(text: string, isHead: boolean): ResponseHead | undefined {
  const line = HEAD.exec(text);
  if (line === null) return undefined;
  // A higher minor version is read as the highest that is known (RFC 9110, section 2.5).
  const minorVersion = line[1] === '0' ? 0 : 1;
  const status = Number(line[2]);
  let headers = splitLines(text, text.indexOf('\r\n') + 2, text.length - 2);
  let length = -1;
  let isLengthRepeated = false;
  let isChunked = false;
  let isKeptAlive = minorVersion === 1;
  let isClosed = false;
  let keepAliveSeconds = Number.POSITIVE_INFINITY;
  let loadAt = NO_LOAD;
  let isStream = false;
  let hasDate = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    switch (name.length) {
      case 4:
        hasDate ||= name.toLowerCase() === 'date';
        break;
      case 10: {
        const lower = name.toLowerCase();
        if (lower === 'keep-alive') keepAliveSeconds = Math.min(keepAliveSeconds, readKeepAlive(value));
        if (lower !== 'connection') break;
        // `close` wins over anything else on this line or another (RFC 9112, section 9.3).
        if (value === 'keep-alive') isKeptAlive = true;
        else if (hasToken(value, 'close')) isClosed = true;
        else if (hasToken(value, 'keep-alive')) isKeptAlive = true;
        break;
      }
      case 12:
        if (name.toLowerCase() === 'content-type') isStream ||= isStreamType(value);
        break;
      case 14: {
        if (name.toLowerCase() !== 'content-length') break;
        let said = parseLength(value);
        if (Number.isNaN(said)) {
          said = parseLengths(value);
          if (Number.isNaN(said)) return undefined;
          isLengthRepeated = true;
        }
        if (length >= 0) {
          if (said !== length) return undefined;
          isLengthRepeated = true;
        }
        length = said;
        break;
      }
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (isChunked || minorVersion === 0 || value.toLowerCase() !== 'chunked') return undefined;
        isChunked = true;
        break;
      // The lengths of the load report's names.
      case 21:
      case 23:
      case 25:
      case 26:
      case 27:
      case 28:
        if (isLoadHeader(name)) loadAt = loadAt === NO_LOAD ? i : SEVERAL_LOADS;
        break;
    }
  }
  if (isChunked && length >= 0) return undefined;
  if (isLengthRepeated) {
    headers = withOneLength(headers, length);
    if (loadAt >= 0) loadAt = headers.findIndex((name, i) => i % 2 === 0 && isLoadHeader(name));
  }
  const hasBody = !isHead && status >= 200 && status !== 204 && status !== 304;
  const framing: AnswerFraming = !hasBody ? 'none' : isChunked ? 'chunked' : length > 0 ? 'length' : length === 0 ? 'none' : 'close';
  return {
    status,
    reason: line[3] ?? '',
    headers,
    framing,
    length: framing === 'length' ? length : 0,
    isKeptAlive: isKeptAlive && !isClosed && framing !== 'close',
    keepAliveSeconds,
    loadAt,
    isStream,
    hasDate,
    isEmptyUnsaid: false,
    passed: undefined,
    passedWith: undefined,
    passedHttp2: undefined,
  };
}

/** A head longer than this (bytes) is not kept for comparison: idle connections must not hold much memory. */
const MAX_KEPT_HEAD = 16 << 10;

/**
 * Reads the heads on one connection. Hosts repeat their heads: one with the same bytes, for the same kind of request, is
 * returned as the same object and not parsed again.
 */
export class ResponseHeadReader {
  #text = '';
  #isHead = false;
  #head: ResponseHead | undefined;

  /** As `readResponseHead`; heads of the same text are the same object. */
  read(text: string, isHead: boolean): ResponseHead | undefined {
    if (text === this.#text && isHead === this.#isHead) return this.#head;
    const head = readResponseHead(text, isHead);
    if (text.length > MAX_KEPT_HEAD) return head;
    this.#text = text;
    this.#isHead = isHead;
    this.#head = head;
    return head;
  }
}

/** The seconds of `timeout=`, in any spelling; Infinity without it. */
function readKeepAlive(value: string): number {
  const seconds = /(?:^|[\t ,;])timeout[\t ]*=[\t "]*(\d{1,9})/i.exec(value)?.[1];
  return seconds === undefined ? Number.POSITIVE_INFINITY : Number(seconds);
}

/** The length that all elements of a list agree on; NaN if they differ or one is not a length. */
function parseLengths(list: string): number {
  let length = Number.NaN;
  for (const element of list.split(',')) {
    const said = parseLength(/^[\t ]*(\d+)[\t ]*$/.exec(element)?.[1] ?? '');
    if (Number.isNaN(said) || (length >= 0 && said !== length)) return Number.NaN;
    length = said;
  }
  return length;
}

/** The same headers with a single Content-Length, in place of the first one (RFC 9110, section 8.6). */
function withOneLength(headers: readonly string[], length: number): string[] {
  const passed: string[] = [];
  let hasLength = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const isLength = name.length === 14 && name.toLowerCase() === 'content-length';
    if (isLength && hasLength) continue;
    hasLength ||= isLength;
    passed.push(name, isLength ? String(length) : (headers[i + 1] as string));
  }
  return passed;
}
