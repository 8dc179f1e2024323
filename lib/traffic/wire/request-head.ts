// A request's head, read strictly: from its text to what the story needs, or to why it is refused. Refused
// is what two parsers could read in two ways (RFC 9112, sections 3, 5, 6 and 11.2). Pure.

import type { TrafficLimits, NamePolicy } from '../../config/traffic-config.js';
import { hasToken, parseLength, splitLines, TOKEN_CHARS, VALUE_CHARS } from './grammar.js';
import { type Refusal, REFUSALS } from './refusals.js';
import { checkMethod, checkTarget, isUrlTooLong, METHOD_AND_TARGET, refuseRequestLine, REQUEST_LINE } from './request-line.js';

/** How a request's body is delimited. */
export type BodyFraming = 'none' | 'length' | 'chunked';

/** A request's head, whatever lane it came by. */
export interface RequestHead extends RequestFields {
  readonly method: string;
  /** As it was written: percent-encodings, doubled slashes and absolute forms are kept. */
  readonly target: string;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  readonly minorVersion: 0 | 1;
  /** The same fields, for all heads of a connection whose header lines are the same bytes; undefined when nobody else can have them. */
  readonly shared: SharedFields | undefined;
}

/** What a request's header lines say. */
export interface RequestFields {
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
  /** The value of Via: the proxies that the request came through; undefined without one. */
  readonly passedBy: string | undefined;
  /** How many headers were left out because of their names. */
  readonly droppedNames: number;
}

/** Fields that several heads of one connection share, and what was worked out of them. */
export interface SharedFields extends RequestFields {
  /** The header lines as hosts get them; undefined until they are composed. */
  forwarded: string | undefined;
}

/** The limits and rules of heads. */
export interface HeadRules extends Pick<TrafficLimits, 'maxHeaderSize' | 'maxUrlSize' | 'maxHeaders' | 'maxBodySize'> {
  readonly oddNames: NamePolicy;
}

const LINE = `[${TOKEN_CHARS}]+:[${VALUE_CHARS}]*\\r\\n`;
const LINES = new RegExp(`(?:${LINE})*\\r\\n$`, 'y');
const PLAIN_LINES = new RegExp(`(?:[0-9A-Za-z-]+:[${VALUE_CHARS}]*\\r\\n)*\\r\\n$`, 'y');
const PLAIN_NAME = /^[0-9A-Za-z-]+$/;

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
  const lines = readLines(text, start, rules);
  if ('counter' in lines) return lines;
  const wrongMethod = checkMethod(method);
  if (wrongMethod !== undefined) return wrongMethod;
  const minorVersion = minor === '0' ? 0 : 1;
  const fields = readFields(minorVersion, lines.headers, lines.droppedNames);
  if ('counter' in fields) return fields;
  return (
    checkTarget(method, target, fields.host, minorVersion) ??
    checkFields(method, minorVersion, fields, rules) ??
    new ReadHead(method, target, minorVersion, fields)
  );
}

/**
 * Reads the heads of one connection. Clients repeat their header lines from request to request: when all bytes after
 * the request line equal those of the head before, so does what they say, and they are not read again.
 */
export class RequestHeadReader {
  readonly #rules: HeadRules;
  /** The version, header lines and fields of the last head without a body or an upgrade. */
  #known = '';
  #fields: SharedFields | undefined;

  constructor(rules: HeadRules) {
    this.#rules = rules;
  }

  /** As `readRequestHead`. */
  read(text: string): RequestHead | Refusal {
    const versionAt = text.indexOf(' HTTP/1.');
    const known = this.#fields;
    if (known !== undefined && text.length - versionAt === this.#known.length && text.endsWith(this.#known)) {
      // A known tail holds no other request line: what stands before it is a method and a target, or wrong.
      const start = METHOD_AND_TARGET.exec(text.slice(0, versionAt));
      if (start !== null && text.length <= this.#rules.maxHeaderSize) {
        const [, method, target] = start as unknown as [string, string, string];
        const minorVersion = text.charCodeAt(versionAt + 8) === 0x30 ? 0 : 1;
        if (
          target.length <= this.#rules.maxUrlSize &&
          checkMethod(method) === undefined &&
          checkTarget(method, target, known.host, minorVersion) === undefined
        ) {
          return new ReadHead(method, target, minorVersion, known);
        }
      }
    }
    const head = readRequestHead(text, this.#rules);
    if (!isRefusal(head) && head.shared !== undefined) {
      this.#known = text.slice(versionAt);
      this.#fields = head.shared;
    }
    return head;
  }
}

/** A head that was read: its own request line, and fields that other heads may have as well. */
class ReadHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly minorVersion: 0 | 1;
  readonly #fields: SharedFields;

  constructor(method: string, target: string, minorVersion: 0 | 1, fields: SharedFields) {
    this.method = method;
    this.target = target;
    this.minorVersion = minorVersion;
    this.#fields = fields;
  }

  get headers(): readonly string[] {
    return this.#fields.headers;
  }

  get host(): string | undefined {
    return this.#fields.host;
  }

  get framing(): BodyFraming {
    return this.#fields.framing;
  }

  get length(): number {
    return this.#fields.length;
  }

  get upgrade(): string | undefined {
    return this.#fields.upgrade;
  }

  get expectsContinue(): boolean {
    return this.#fields.expectsContinue;
  }

  get isKeptAlive(): boolean {
    return this.#fields.isKeptAlive;
  }

  get passedBy(): string | undefined {
    return this.#fields.passedBy;
  }

  get droppedNames(): number {
    return this.#fields.droppedNames;
  }

  get shared(): SharedFields | undefined {
    const { framing, upgrade, host } = this.#fields;
    return framing === 'none' && upgrade === undefined && host !== undefined ? this.#fields : undefined;
  }
}

/** The header lines from `start` on as a raw list, without those whose names are left out. */
function readLines(text: string, start: number, rules: HeadRules): { readonly headers: string[]; readonly droppedNames: number } | Refusal {
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
  return headers.length > 2 * rules.maxHeaders ? REFUSALS.headSize : { headers, droppedNames };
}

/** What each header says that decides how the request is read. */
function readFields(minorVersion: 0 | 1, headers: readonly string[], droppedNames: number): SharedFields | Refusal {
  let host: string | undefined;
  let length = -1;
  let isChunked = false;
  let upgrade: string | undefined;
  let isUpgradeNamed = false;
  let expectsContinue = false;
  let isKept = minorVersion === 1;
  let isClosed = false;
  let passedBy: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    // Most names are told apart by their length alone.
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
  const framing: BodyFraming = isChunked ? 'chunked' : length > 0 ? 'length' : 'none';
  const isUpgrade = isUpgradeNamed && upgrade !== undefined;
  return {
    headers,
    host,
    framing,
    length: Math.max(0, length),
    upgrade: isUpgrade ? upgrade : undefined,
    expectsContinue: expectsContinue && framing !== 'none',
    isKeptAlive: isKept && !isClosed,
    passedBy,
    droppedNames,
    forwarded: undefined,
  };
}

/** What the fields may not say together with this method and version. */
function checkFields(
  method: string,
  minorVersion: 0 | 1,
  { framing, length, upgrade }: RequestFields,
  rules: HeadRules,
): Refusal | undefined {
  if (rules.maxBodySize > 0 && length > rules.maxBodySize) return REFUSALS.bodySize;
  // A body that older parsers do not look for (RFC 9112, section 6.3 against HTTP/1.0's rules).
  if (minorVersion === 0 && framing !== 'none' && (method === 'GET' || method === 'HEAD' || method === 'DELETE' || method === 'OPTIONS'))
    return REFUSALS.body;
  // HTTP/1.0 has no upgrades, and what follows a body here would be taken for the new protocol.
  if (upgrade !== undefined && (framing !== 'none' || minorVersion === 0 || upgrade === '')) return REFUSALS.upgrade;
  return undefined;
}

/** The headers of a raw list whose names have only letters, digits and `-`. */
export function withoutOddNames(headers: readonly string[]): string[] {
  return headers.filter((_, i) => PLAIN_NAME.test(headers[i & ~1] as string));
}

/** Whether a part of a head has a bare CR or LF or a folded line: it can't become a right one. */
export function hasBrokenLine(text: string): boolean {
  return /[^\r]\n|\r[^\n]|\n[ \t]/.test(text);
}
