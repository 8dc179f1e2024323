// The head of a host's answer over HTTP/2, read strictly (RFC 9113, section 8). node:http2 has refused what breaks the
// rules of pseudo-headers, names in upper case, fields of a connection, and a body that is not as long as announced. Pure.

import { STATUS_CODES } from 'node:http';
import { isLoadHeader } from '../../learning/orca-header.js';
import { parseLength, TOKEN_CHARS, VALUE_CHARS } from './grammar.js';
import { describeSize, quote, quoteValue } from './reason-text.js';
import { type AnswerFraming, isStreamType, NO_LOAD, type ResponseHead, SEVERAL_LOADS } from './response-head.js';

const NAME = new RegExp(`^[${TOKEN_CHARS}]+$`);
const VALUE = new RegExp(`^[${VALUE_CHARS}]*$`);
const STATUS = /^[1-9]\d\d$/;

/** Fields that an HTTP/2 message can't have, since they speak about one connection of HTTP/1 (RFC 9113, section 8.2.2). */
const FORBIDDEN: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/**
 * Reads a head; a text says why it is none.
 * @param raw name, value, name, value, … with `:status`, latin1
 * @param isHead whether the request's method was HEAD
 * @param isEnded whether the stream ends with it
 * @param maxBytes a head longer than this is refused; as it would be written in HTTP/1
 */
export function readHttp2Answer(raw: readonly string[], isHead: boolean, isEnded: boolean, maxBytes: number): ResponseHead | string {
  const size = sizeOf(raw);
  if (size > maxBytes) return `answer head of ${describeSize(size)} (--max-response-header-size)`;
  let status = 0;
  let length = -1;
  let loadAt = NO_LOAD;
  let isStream = false;
  let hasDate = false;
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (name === ':status') {
      if (!STATUS.test(value)) return `status ${quote(value)}`;
      status = Number(value);
      continue;
    }
    if (!NAME.test(name)) return `header name ${quote(name)}`;
    if (!VALUE.test(value)) return `value of ${quote(name)} with a control character`;
    if (FORBIDDEN.has(name)) return `${name} in an answer of HTTP/2`;
    switch (name) {
      case 'date':
        hasDate = true;
        break;
      case 'content-type':
        isStream ||= isStreamType(value);
        break;
      case 'content-length':
        if (length >= 0) return 'more than one content-length';
        length = parseLength(value);
        if (Number.isNaN(length)) return `content-length ${quoteValue(value)}`;
        break;
      default:
        if (isLoadHeader(name)) loadAt = loadAt === NO_LOAD ? headers.length : SEVERAL_LOADS;
    }
    headers.push(name, value);
  }
  if (status === 0) return 'no :status';
  const mayHaveBody = !isHead && status >= 200 && status !== 204 && status !== 304;
  if (mayHaveBody && isEnded && length > 0) return `content-length ${length}, and the answer ends`;
  const hasBody = mayHaveBody && !isEnded;
  const framing: AnswerFraming = !hasBody || length === 0 ? 'none' : length > 0 ? 'length' : 'chunked';
  return {
    status,
    // HTTP/2 has no reason phrase (RFC 9113, section 8.3.2). Not every client of HTTP/1 takes a status line without one.
    reason: STATUS_CODES[status] ?? '',
    headers,
    framing,
    length: framing === 'length' ? length : 0,
    isKeptAlive: true,
    keepAliveSeconds: Number.POSITIVE_INFINITY,
    loadAt,
    isStream,
    hasDate,
    // The end of the stream says it in HTTP/2, and nothing would in HTTP/1.
    isEmptyUnsaid: mayHaveBody && isEnded && length < 0,
    passed: undefined,
    passedWith: undefined,
  };
}

/**
 * Reads the heads on one connection. Hosts repeat their heads: one with the same fields, for the same kind of request,
 * is returned as the same object and not checked again.
 */
export class Http2AnswerReader {
  readonly #maxBytes: number;
  #raw: readonly string[] = [];
  #isHead = false;
  #isEnded = false;
  #head: ResponseHead | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** As `readHttp2Answer`. */
  read(raw: readonly string[], isHead: boolean, isEnded: boolean): ResponseHead | string {
    const known = this.#head;
    if (known !== undefined && isHead === this.#isHead && isEnded === this.#isEnded && isSame(raw, this.#raw)) return known;
    const head = readHttp2Answer(raw, isHead, isEnded, this.#maxBytes);
    if (typeof head === 'string' || raw.length > MAX_KEPT) return head;
    this.#raw = raw;
    this.#isHead = isHead;
    this.#isEnded = isEnded;
    this.#head = head;
    return head;
  }
}

/** A head with more names and values than this is not kept for comparison: connections must not hold much memory. */
const MAX_KEPT = 128;

/** Bytes of a raw list as lines of HTTP/1: a colon, a space and the line end come with each. */
function sizeOf(raw: readonly string[]): number {
  let size = 2 * raw.length;
  for (const text of raw) size += text.length;
  return size;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  // The fields that differ, such as dates, tend to be near the end.
  for (let i = one.length - 1; i >= 0; i--) if (one[i] !== other[i]) return false;
  return true;
}

/** Reads trailers as a raw list; a text says why they are none. @param maxBytes as of a head */
export function readHttp2Trailers(raw: readonly string[], maxBytes: number): readonly string[] | string {
  const size = sizeOf(raw);
  if (size > maxBytes) return `trailers of ${describeSize(size)} (--max-response-header-size)`;
  for (let i = 0; i < raw.length; i += 2) {
    if (!NAME.test(raw[i] as string)) return `trailer name ${quote(raw[i] as string)}`;
    if (!VALUE.test(raw[i + 1] as string)) return `value of trailer ${quote(raw[i] as string)} with a control character`;
  }
  return raw;
}
