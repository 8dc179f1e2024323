// A request's head, read strictly: from its text to what the story needs, or to why it is refused. Refused
// is what two parsers could read in two ways (RFC 9112, sections 3, 5, 6 and 11.2). Pure.

import { METHODS } from 'node:http';
import type { TrafficLimits, NamePolicy } from '../../config/traffic-config.js';
import type { CounterName } from '../../table/counters.js';
import type { AnswerCode } from './answers.js';
import { hasToken, parseLength, splitLines, TOKEN_CHARS, VALUE_CHARS } from './grammar.js';

/** How a request's body is delimited. */
export type BodyFraming = 'none' | 'length' | 'chunked';

/** A request's head, whatever lane it came by. */
export interface RequestHead {
  readonly method: string;
  /** As it was written: percent-encodings, doubled slashes and absolute forms are kept. */
  readonly target: string;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly minorVersion: 0 | 1;
  /** Name, value, name, value, … as they came. */
  readonly headers: readonly string[];
  /** The Host header; undefined for a client of HTTP/1.0 that sent none. */
  readonly host: string | undefined;
  readonly framing: BodyFraming;
  /** Bytes of the body when `framing` is `length`, else 0. */
  readonly length: number;
  /** The value of Upgrade when Connection names it; the connection is to be switched. */
  readonly upgrade: string | undefined;
  /** Whether the client waits for 100 (Continue) before it sends its body. */
  readonly expectsContinue: boolean;
  /** Whether the client keeps the connection for its next request. */
  readonly isKeptAlive: boolean;
  /** How many headers were left out because of their names. */
  readonly droppedNames: number;
}

/** Why a request is refused: the answer, and what is counted. */
export interface Refusal {
  readonly code: AnswerCode;
  readonly counter: CounterName;
}

/** What the reading of heads is told. */
export interface HeadRules extends Pick<TrafficLimits, 'maxHeaderSize' | 'maxUrlSize' | 'maxHeaders' | 'maxBodySize'> {
  readonly oddNames: NamePolicy;
}

const LINE = `[${TOKEN_CHARS}]+:[${VALUE_CHARS}]*\\r\\n`;
const REQUEST_LINE = new RegExp(`^([${TOKEN_CHARS}]+) ([\\x21\\x22\\x24-\\x7e]+) HTTP/1\\.([01])\\r\\n`);
const LINES = new RegExp(`(?:${LINE})*\\r\\n$`, 'y');
const PLAIN_LINES = new RegExp(`(?:[0-9A-Za-z-]+:[${VALUE_CHARS}]*\\r\\n)*\\r\\n$`, 'y');
const PLAIN_NAME = /^[0-9A-Za-z-]+$/;

/** host [":" port], RFC 3986 section 3.2.2: a name, an IPv4 address, or an IPv6 address in brackets; not empty. */
const AUTHORITY = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._~!$&'()*+,;=%-]{1,255})(?::\d{0,5})?$/;
const ABSOLUTE = /^https?:\/\/([^/?]*)/i;

const KNOWN_METHODS: ReadonlySet<string> = new Set(METHODS);

const bad = (counter: CounterName): Refusal => ({ code: 'MEERCAT_BAD_REQUEST', counter });

/** All refusals of a head; one object each. */
export const REFUSALS = {
  requestLine: bad('refused_request_line'),
  target: bad('refused_target'),
  version: bad('refused_version'),
  hostHeader: bad('refused_host_header'),
  headerLine: bad('refused_header_line'),
  headerName: bad('refused_header_name'),
  contentLength: bad('refused_content_length'),
  transferEncoding: bad('refused_transfer_encoding'),
  body: bad('refused_body'),
  upgrade: bad('refused_upgrade'),
  chunk: bad('refused_chunk'),
  trailer: bad('refused_trailer'),
  chunkSize: { code: 'MEERCAT_BODY_TOO_LARGE', counter: 'refused_chunk' },
  method: { code: 'MEERCAT_METHOD_NOT_ALLOWED', counter: 'refused_method' },
  methodUnknown: { code: 'MEERCAT_METHOD_UNKNOWN', counter: 'refused_method' },
  urlSize: { code: 'MEERCAT_URL_TOO_LONG', counter: 'refused_url_size' },
  headSize: { code: 'MEERCAT_HEAD_TOO_LARGE', counter: 'refused_header_size' },
  bodySize: { code: 'MEERCAT_BODY_TOO_LARGE', counter: 'refused_body_size' },
  expectation: { code: 'MEERCAT_EXPECTATION_FAILED', counter: 'refused_expectation' },
} as const satisfies Readonly<Record<string, Refusal>>;

/** Whether reading gave a refusal. */
export function isRefusal(read: RequestHead | Refusal): read is Refusal {
  return 'counter' in read;
}

/**
 * Reads a head, from its request line to its empty line.
 * @param text latin1, ends with CRLF CRLF
 */
export function readRequestHead(text: string, rules: HeadRules): RequestHead | Refusal {
  if (text.length > rules.maxHeaderSize) return isUrlTooLong(text, rules) ? REFUSALS.urlSize : REFUSALS.headSize;
  const line = REQUEST_LINE.exec(text);
  if (line === null) return refuseRequestLine(text, rules);
  const [{ length: start }, method, target, minor] = line as unknown as [string, string, string, '0' | '1'];
  if (target.length > rules.maxUrlSize) return REFUSALS.urlSize;
  let headers: string[];
  let droppedNames = 0;
  PLAIN_LINES.lastIndex = start;
  if (PLAIN_LINES.test(text)) {
    headers = splitLines(text, start, text.length - 2);
  } else {
    LINES.lastIndex = start;
    if (!LINES.test(text)) return REFUSALS.headerLine;
    headers = splitLines(text, start, text.length - 2);
    if (rules.oddNames === 'refuse') return REFUSALS.headerName;
    if (rules.oddNames === 'drop') {
      const all = headers;
      headers = withoutOddNames(all);
      droppedNames = (all.length - headers.length) / 2;
    }
  }
  if (headers.length > 2 * rules.maxHeaders) return REFUSALS.headSize;
  if (method === 'CONNECT' || method === 'TRACE') return REFUSALS.method;
  if (!KNOWN_METHODS.has(method)) return REFUSALS.methodUnknown;
  return readHeaders(method, target, minor === '0' ? 0 : 1, headers, droppedNames, rules);
}

/** The headers of a raw list whose names have only letters, digits and `-`. */
export function withoutOddNames(headers: readonly string[]): string[] {
  return headers.filter((_, i) => PLAIN_NAME.test(headers[i & ~1] as string));
}

/** What each header says that decides how the request is read. */
function readHeaders(method: string, target: string, minorVersion: 0 | 1, headers: readonly string[], droppedNames: number, rules: HeadRules): RequestHead | Refusal {
  let host: string | undefined;
  let length = -1;
  let isChunked = false;
  let upgrade: string | undefined;
  let isUpgradeNamed = false;
  let expectsContinue = false;
  let isKept = minorVersion === 1;
  let isClosed = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    // Most names are told apart by their length alone.
    switch (name.length) {
      case 4:
        if (name.toLowerCase() !== 'host') break;
        if (host !== undefined) return REFUSALS.hostHeader;
        host = value;
        break;
      case 6:
        if (name.toLowerCase() !== 'expect') break;
        // A client of HTTP/1.0 cannot wait (RFC 9110, section 10.1.1).
        if (value.toLowerCase() !== '100-continue') return REFUSALS.expectation;
        expectsContinue = minorVersion === 1;
        break;
      case 7:
        if (name.toLowerCase() === 'upgrade') upgrade = upgrade === undefined ? value : `${upgrade}, ${value}`;
        break;
      case 10:
        if (value === 'keep-alive' ? minorVersion === 1 : name.toLowerCase() !== 'connection') break;
        if (hasToken(value, 'upgrade')) isUpgradeNamed = true;
        if (hasToken(value, 'close')) isClosed = true;
        else if (hasToken(value, 'keep-alive')) isKept = true;
        break;
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        if (length >= 0) return REFUSALS.contentLength;
        length = parseLength(value);
        if (Number.isNaN(length)) return REFUSALS.contentLength;
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (isChunked || minorVersion === 0 || value.toLowerCase() !== 'chunked') return REFUSALS.transferEncoding;
        isChunked = true;
        break;
    }
  }
  if (isChunked && length >= 0) return REFUSALS.transferEncoding;
  const wrongTarget = checkTarget(method, target, host, minorVersion);
  if (wrongTarget !== undefined) return wrongTarget;
  if (rules.maxBodySize > 0 && length > rules.maxBodySize) return REFUSALS.bodySize;
  const framing: BodyFraming = isChunked ? 'chunked' : length > 0 ? 'length' : 'none';
  // A body that older parsers do not look for (RFC 9112, section 6.3 against HTTP/1.0's rules).
  if (minorVersion === 0 && framing !== 'none' && (method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'OPTIONS')) return REFUSALS.body;
  const isUpgrade = isUpgradeNamed && upgrade !== undefined;
  // HTTP/1.0 has no upgrades, and what follows a body here would be taken for the new protocol.
  if (isUpgrade && (framing !== 'none' || minorVersion === 0 || upgrade === '')) return REFUSALS.upgrade;
  return {
    method, target, minorVersion, headers, host, framing, length: Math.max(0, length), upgrade: isUpgrade ? upgrade : undefined,
    expectsContinue: expectsContinue && framing !== 'none', isKeptAlive: isKept && !isClosed, droppedNames,
  };
}

/** The target must be of a form that its method has, and must not contradict the Host header. */
function checkTarget(method: string, target: string, host: string | undefined, minorVersion: 0 | 1): Refusal | undefined {
  if (host === undefined ? minorVersion === 1 : !AUTHORITY.test(host)) return REFUSALS.hostHeader;
  if (target.startsWith('/')) return undefined;
  if (target === '*') return method === 'OPTIONS' ? undefined : REFUSALS.target;
  const authority = ABSOLUTE.exec(target)?.[1];
  if (authority === undefined || !AUTHORITY.test(authority)) return REFUSALS.target;
  // One of them would decide behind us, and nobody knows which (RFC 9112, section 3.2.2).
  return host === undefined || authority.toLowerCase() === host.toLowerCase() ? undefined : REFUSALS.hostHeader;
}

function isUrlTooLong(text: string, { maxUrlSize }: HeadRules): boolean {
  const target = text.indexOf(' ') + 1;
  const end = text.indexOf(' ', target);
  return target > 0 && (end < 0 ? text.length : end) - target > maxUrlSize;
}

const LOOSE_LINE = new RegExp(`^[${TOKEN_CHARS}]+ \\S+ HTTP/1\\.[01]$`);

function refuseRequestLine(text: string, rules: HeadRules): Refusal {
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
export function checkPartialLine(text: string, rules: HeadRules): Refusal | undefined {
  const lineEnd = text.indexOf('\n');
  if (lineEnd >= 0) {
    const line = text.slice(0, lineEnd + 1);
    return REQUEST_LINE.test(line) && !isUrlTooLong(line, rules) ? undefined : refuseRequestLine(line, rules);
  }
  if (isUrlTooLong(text, rules)) return REFUSALS.urlSize;
  return PARTIAL_LINE.test(text) ? undefined : refuseRequestLine(`${text}\r\n`, rules);
}

const PARTIAL_LINE = new RegExp(`^[${TOKEN_CHARS}]*(?: [\\x21\\x22\\x24-\\x7e]*(?: [HTP/1.0]*\\r?)?)?$`);

/** Whether a part of a head has a bare CR or LF or a folded line: it can't become a right one. */
export function hasBrokenLine(text: string): boolean {
  return /[^\r]\n|\r[^\n]|\n[ \t]/.test(text);
}
