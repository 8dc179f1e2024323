// Strict parser of a request's header lines: which body follows, whether the connection is kept, which protocols are
// offered. Refuses anything that two parsers could read differently (RFC 9112, sections 5, 6 and 11.2). Pure.

import type { OutgoingHttpHeaders } from 'node:http2';
import type { NamePolicy, TrafficLimits } from '../../config/traffic-config.js';
import { isRequestId } from '../../request-id.js';
import { isAuthority } from './authority.js';
import type { HeaderEdit } from './header-edit.js';
import { hasToken, parseLength, splitLines, TOKEN_CHARS, VALUE_CHARS } from './grammar.js';
import { NO_NAMES, oddNamesOf, withoutOddNames } from './header-names.js';
import { type Refusal, REFUSALS } from './refusals.js';
import { readTraceContext, type TraceContext } from './trace-context.js';
import { passedOffers } from './upgrade-offers.js';

/** How a request's body is delimited. */
export type BodyFraming = 'none' | 'length' | 'chunked';

/** What a request's header lines say. */
export interface RequestFields {
  /** Name, value, name, value, … as received. */
  readonly headers: readonly string[];
  /** The Host header; undefined for an HTTP/1.0 client that sent none. */
  readonly host: string | undefined;
  readonly framing: BodyFraming;
  /** Bytes of the body when `framing` is `length`, else 0. */
  readonly length: number;
  /** The protocols that the client offers in Upgrade and that may be offered to the host; undefined when there are none. */
  readonly upgrade: string | undefined;
  /** Whether the client waits for 100 (Continue) before it sends its body. */
  readonly expectsContinue: boolean;
  /** Whether the client keeps the connection open. */
  readonly isKeptAlive: boolean;
  /** The value of Via: the proxies that the request passed through; undefined without one. */
  readonly passedBy: string | undefined;
  /** The value of X-Request-Id, whoever sent it; undefined without one, with several, and if it is no id. */
  readonly requestId: string | undefined;
  /** The trace that the request belongs to; undefined without a valid traceparent. */
  readonly trace: TraceContext | undefined;
  /** The names of headers that were dropped as odd. */
  readonly droppedNames: readonly string[];
}

/** Fields that several heads of one connection share, and what was computed from them. */
export interface SharedFields extends RequestFields {
  /** Whether heads with the same lines have the same fields, and hosts get the same lines for them. */
  readonly isShared: boolean;
  /** The header lines that hosts get for all of them, without the empty line; undefined until they are composed. */
  forwarded: string | undefined;
  /** The route's changes with which they were composed. */
  forwardedWith: HeaderEdit | undefined;
  /** The same for hosts of HTTP/2: their header fields, without method and target. */
  forwardedHttp2: OutgoingHttpHeaders | undefined;
  forwardedHttp2With: HeaderEdit | undefined;
}

/** The rules of header lines. */
export interface LinesRules extends Pick<TrafficLimits, 'maxHeaders'> {
  readonly oddNames: NamePolicy;
}

/** What was computed from fields of which nothing was computed yet. */
export const NOT_COMPOSED: Pick<SharedFields, 'forwarded' | 'forwardedWith' | 'forwardedHttp2' | 'forwardedHttp2With'> = {
  forwarded: undefined,
  forwardedWith: undefined,
  forwardedHttp2: undefined,
  forwardedHttp2With: undefined,
};

const LINE = `[${TOKEN_CHARS}]+:[${VALUE_CHARS}]*\\r\\n`;
const LINES = new RegExp(`(?:${LINE})*\\r\\n$`, 'y');
const PLAIN_LINES = new RegExp(`(?:[0-9A-Za-z-]+:[${VALUE_CHARS}]*\\r\\n)*\\r\\n$`, 'y');

/** Reads the header lines of a head that begin at `start`; it ends with CRLF CRLF. */
export function readFields(text: string, start: number, minorVersion: 0 | 1, rules: LinesRules): SharedFields | Refusal {
  PLAIN_LINES.lastIndex = start;
  const isPlain = PLAIN_LINES.test(text);
  if (!isPlain) {
    LINES.lastIndex = start;
    if (!LINES.test(text)) return REFUSALS.headerLine;
  }
  const headers = splitLines(text, start, text.length - 2);
  const oddNames = isPlain || rules.oddNames === 'pass' ? NO_NAMES : oddNamesOf(headers);
  if (oddNames.length > 0 && rules.oddNames === 'refuse') return REFUSALS.headerName;
  const kept = oddNames.length === 0 ? headers : withoutOddNames(headers);
  return kept.length > 2 * rules.maxHeaders ? REFUSALS.headSize : readMeaning(minorVersion, kept, oddNames);
}

/**
 * Interprets the headers that decide how the request is read.
 * @param hasBody whether a body follows, where the framing of the connection says so (HTTP/2); undefined: the headers say so
 */
export function readMeaning(
  minorVersion: 0 | 1,
  headers: readonly string[],
  droppedNames: readonly string[],
  hasBody?: boolean,
): SharedFields | Refusal {
  let host: string | undefined;
  let length = -1;
  let isChunked = false;
  let upgrade: string | undefined;
  let isUpgradeNamed = false;
  let expectsContinue = false;
  let isKept = minorVersion === 1;
  let isClosed = false;
  let passedBy: string | undefined;
  let requestId: string | undefined;
  let requestIds = 0;
  let traceParent: string | undefined;
  let traceParents = 0;
  let traceState: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    // Comparing the length first rules out most names.
    switch (name.length) {
      case 3:
        if (name.toLowerCase() === 'via') passedBy = passedBy === undefined ? value : `${passedBy}, ${value}`;
        break;
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
        if (name.toLowerCase() === 'tracestate') traceState = traceState === undefined ? value : `${traceState},${value}`;
        // The default in HTTP/1.1.
        if ((value === 'keep-alive' && minorVersion === 1) || name.toLowerCase() !== 'connection') break;
        if (hasToken(value, 'upgrade')) isUpgradeNamed = true;
        // It was meant for us alone: hosts must not get it.
        if (hasToken(value, 'traceparent')) traceParents = 2;
        if (hasToken(value, 'close')) isClosed = true;
        else if (hasToken(value, 'keep-alive')) isKept = true;
        break;
      case 11:
        if (name.toLowerCase() !== 'traceparent') break;
        traceParent = value;
        traceParents++;
        break;
      case 12:
        if (name.toLowerCase() !== 'x-request-id') break;
        requestId = value;
        requestIds++;
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
  if (host === undefined ? minorVersion === 1 : !isAuthority(host)) return REFUSALS.hostHeader;
  const framing: BodyFraming = (hasBody === undefined ? isChunked : hasBody && length < 0) ? 'chunked' : length > 0 ? 'length' : 'none';
  // HTTP/1.0 has no upgrades. With a body, its bytes would be taken for the new protocol.
  const mayUpgrade = isUpgradeNamed && upgrade !== undefined && minorVersion === 1 && framing === 'none';
  const offers = mayUpgrade ? passedOffers(upgrade as string) : undefined;
  return {
    headers,
    host,
    framing,
    length: Math.max(0, length),
    upgrade: offers,
    expectsContinue: expectsContinue && framing !== 'none',
    isKeptAlive: isKept && !isClosed,
    passedBy,
    requestId: requestIds === 1 && isRequestId(requestId) ? requestId : undefined,
    trace: traceParents === 1 ? readTraceContext(traceParent as string, traceState) : undefined,
    droppedNames,
    // A length belongs to one request.
    isShared: (framing === 'none' || hasBody === true) && length <= 0 && offers === undefined && host !== undefined,
    ...NOT_COMPOSED,
  };
}

/** The same fields with Host replaced; no other head shares them. */
export function withHost(fields: SharedFields, host: string): SharedFields {
  const headers = [...fields.headers];
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
  if (at < 0) headers.unshift('Host', host);
  else headers[at + 1] = host;
  return { ...fields, headers, host, isShared: false, ...NOT_COMPOSED };
}
