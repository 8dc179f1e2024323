// Strict reader of a request's head over HTTP/2: gives the same head as HTTP/1 does, or says why there is none. What is
// malformed (RFC 9113, sections 8.1.1, 8.2 and 8.3) resets its stream; what HTTP/1 would refuse too gets the same answer.
// Pure.

import { isSameAuthority, type Scheme } from './authority.js';
import { parseLength, TOKEN_CHARS, VALUE_CHARS } from './grammar.js';
import { NO_NAMES, oddNamesOf, withoutOddNames } from './header-names.js';
import { describeByte, quote, quoteValue } from './reason-text.js';
import { type Refusal, REFUSALS } from './refusals.js';
import { readMeaning, type SharedFields } from './request-fields.js';
import { type HeadRules, ReadHead, type RequestHead } from './request-head.js';
import { checkMethod, checkTargetBytes, isOriginForm, lineGrammar } from './request-line.js';
import { MAX_METHOD_LENGTH } from '../../config/methods.js';

/** A message that is no HTTP request: its stream is reset with PROTOCOL_ERROR. */
export interface Malformed {
  /** In a few words, ASCII. */
  readonly malformed: string;
}

/** What reading a head gives. */
export type Http2Head = RequestHead | Refusal | Malformed;

/** Whether reading gave a message that is malformed. */
export function isMalformed(read: object): read is Malformed {
  return 'malformed' in read;
}

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const PLAIN_NAME = /^[0-9a-z-]+$/;
/** No control characters except tabs, and no blanks at either end (section 8.2.1). */
const VALUE = new RegExp(`^(?:[\\x21-\\x7e\\x80-\\xff](?:[${VALUE_CHARS}]*[\\x21-\\x7e\\x80-\\xff])?)?$`);
const METHOD = new RegExp(`^[${TOKEN_CHARS}]+$`);
/** What no target may contain in either version: it would end it in a request line. */
const NOT_IN_TARGET = /[^\x21-\x7e\x80-\xff]/;

const COLON = 0x3a;

const malformed = (reason: string): Malformed => ({ malformed: reason });

/** The pseudo-header fields of a request. */
interface Pseudo {
  method: string | undefined;
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;
  /** Of an extended CONNECT (RFC 8441). */
  protocol: string | undefined;
}

/** Where the pseudo-header field of a name is kept. */
const PSEUDO: ReadonlyMap<string, keyof Pseudo> = new Map([
  [':method', 'method'],
  [':scheme', 'scheme'],
  [':authority', 'authority'],
  [':path', 'path'],
  [':protocol', 'protocol'],
]);

/**
 * Reads the heads of one connection. Clients repeat their fields: if all but method and path equal those of the last
 * head, and both have a body or none, its fields are reused, and with them what hosts get of them.
 */
export class Http2RequestReader {
  readonly #rules: HeadRules;
  readonly #makeKey: () => string;
  readonly #methodAndTarget: RegExp;
  /** The pairs of the last head whose fields can be shared, with the places of its method and path. */
  #known: readonly string[] = [];
  #methodAt = 0;
  #pathAt = 0;
  /** The size of the known head, without its method and path. */
  #knownSize = 0;
  #fields: SharedFields | undefined;
  #hasBody = false;

  /** @param makeKey a random value for Sec-WebSocket-Key */
  constructor(rules: HeadRules, makeKey: () => string) {
    this.#rules = rules;
    this.#makeKey = makeKey;
    this.#methodAndTarget = lineGrammar(rules).methodAndTarget;
  }

  /**
   * Reads a head.
   * @param pairs name, value, name, value, … as they came, in latin1
   * @param hasBody whether the head does not end its stream
   */
  read(pairs: readonly string[], hasBody: boolean): Http2Head {
    const known = this.#fields;
    if (known !== undefined && hasBody === this.#hasBody && this.#isKnown(pairs)) {
      const method = pairs[this.#methodAt] as string;
      const path = pairs[this.#pathAt] as string;
      const { maxHeaderSize, maxUrlSize } = this.#rules;
      if (
        isOriginForm(path) &&
        path.length <= maxUrlSize &&
        this.#knownSize + method.length + path.length <= maxHeaderSize &&
        this.#methodAndTarget.test(`${method} ${path}`) &&
        checkMethod(method, this.#rules) === undefined &&
        checkTargetBytes(path, this.#rules) === undefined
      )
        return new ReadHead(method, path, '2.0', known);
    }
    return this.#readAll(pairs, hasBody);
  }

  #isKnown(pairs: readonly string[]): boolean {
    const known = this.#known;
    const { length } = known;
    if (pairs.length !== length) return false;
    for (let i = 0; i < length; i++) if (pairs[i] !== known[i] && i !== this.#methodAt && i !== this.#pathAt) return false;
    return true;
  }

  #readAll(pairs: readonly string[], hasBody: boolean): Http2Head {
    const rules = this.#rules;
    const pseudo: Pseudo = { method: undefined, scheme: undefined, authority: undefined, path: undefined, protocol: undefined };
    const read = readPairs(pairs, pseudo);
    if (isMalformed(read)) return read;
    const { method } = pseudo;
    if (method === undefined || !METHOD.test(method)) return malformed(method === undefined ? 'no :method' : 'malformed :method');
    if (method.length > MAX_METHOD_LENGTH) return REFUSALS.methodUnknown;
    const { scheme, authority, path, protocol } = pseudo;
    const isConnect = method === 'CONNECT';
    // A CONNECT to a name and port has neither scheme nor path (section 8.5).
    if (isConnect && protocol === undefined) return REFUSALS.method;
    if (protocol !== undefined && (!isConnect || !hasBody))
      return malformed(isConnect ? 'a CONNECT that ends at once' : ':protocol without CONNECT');
    // It has no content (RFC 9110, section 9.3.6): a host of HTTP/1 would wait for it, and take the next request for it.
    if (protocol !== undefined && read.contentLength !== undefined) return malformed('a content-length with CONNECT');
    const problem = whyBadTarget(scheme, path, method) ?? whyBadLength(read, hasBody);
    if (problem !== undefined) return malformed(problem);
    const headers = withHostFirst(read.headers, read.host, authority, scheme as Scheme);
    if (isMalformed(headers)) return headers;
    const target = path as string;
    if (target.length > rules.maxUrlSize) return REFUSALS.urlSize;
    if (read.size > rules.maxHeaderSize) return REFUSALS.headSize;
    const oddNames = read.isPlain || rules.oddNames === 'pass' ? NO_NAMES : oddNamesOf(headers);
    if (oddNames.length > 0 && rules.oddNames === 'refuse') return REFUSALS.headerName;
    const kept = oddNames.length === 0 ? headers : withoutOddNames(headers);
    if (kept.length > 2 * rules.maxHeaders) return REFUSALS.headSize;
    const fields = readMeaning(1, kept, oddNames, hasBody);
    if ('counter' in fields) return fields;
    if (protocol !== undefined) return protocol === 'websocket' ? this.#readWebSocket(target, fields) : REFUSALS.method;
    const refusal = checkMethod(method, rules) ?? this.#checkTarget(target) ?? checkLength(fields, rules);
    if (refusal !== undefined) return refusal;
    if (fields.isShared) this.#remember(pairs, fields, hasBody, read.size - method.length - target.length);
    return new ReadHead(method, target, '2.0', fields);
  }

  /** A WebSocket is a GET for routes, logs and hosts of HTTP/1, which get a key of ours (RFC 8441, section 5). */
  #readWebSocket(target: string, fields: SharedFields): Http2Head {
    const refusal = checkMethod('GET', this.#rules) ?? this.#checkTarget(target);
    if (refusal !== undefined) return refusal;
    const headers = [...withoutKey(fields.headers), 'sec-websocket-key', this.#makeKey()];
    return new ReadHead('GET', target, '2.0', {
      ...fields,
      headers,
      framing: 'none',
      length: 0,
      upgrade: 'websocket',
      expectsContinue: false,
      isShared: false,
    });
  }

  #checkTarget(target: string): Refusal | undefined {
    return this.#methodAndTarget.test(`GET ${target}`) ? checkTargetBytes(target, this.#rules) : REFUSALS.target;
  }

  #remember(pairs: readonly string[], fields: SharedFields, hasBody: boolean, size: number): void {
    this.#known = pairs;
    this.#hasBody = hasBody;
    this.#fields = fields;
    this.#knownSize = size;
    this.#methodAt = pairs.indexOf(':method') + 1;
    this.#pathAt = pairs.indexOf(':path') + 1;
  }
}

/** What a client of HTTP/2 says for nothing: the key belongs to the handshake of HTTP/1. */
function withoutKey(headers: readonly string[]): readonly string[] {
  return headers.filter((_, i) => headers[i & ~1] !== 'sec-websocket-key');
}

/** The regular fields of a head, without Host. */
interface ReadPairs {
  readonly headers: string[];
  readonly host: string | undefined;
  readonly contentLength: string | undefined;
  /** Bytes that the head has in HTTP/1, about. */
  readonly size: number;
  /** Whether all names consist of letters, digits and hyphens. */
  readonly isPlain: boolean;
}

function readPairs(pairs: readonly string[], pseudo: Pseudo): ReadPairs | Malformed {
  const headers: string[] = [];
  let host: string | undefined;
  let contentLength: string | undefined;
  let cookieAt = -1;
  let isPlain = true;
  let size = ' HTTP/1.1\r\n\r\n'.length;
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] as string;
    const value = pairs[i + 1] as string;
    size += value.length;
    if (name.charCodeAt(0) === COLON) {
      const field = PSEUDO.get(name);
      if (field === undefined) return malformed(`pseudo-header ${quote(name)}`);
      if (pseudo[field] !== undefined) return malformed(`several ${name}`);
      if (headers.length > 0 || host !== undefined) return malformed(`${name} after a header`);
      const odd = NOT_IN_TARGET.exec(value)?.[0];
      if (odd !== undefined) return malformed(`byte ${describeByte(odd.charCodeAt(0))} in ${name}`);
      pseudo[field] = value;
      continue;
    }
    size += name.length + 4;
    if (!PLAIN_NAME.test(name)) {
      if (!NAME.test(name)) return malformed(`header name ${quote(name)}`);
      isPlain = false;
    }
    if (!VALUE.test(value)) return malformed(`malformed value of ${quote(name)}`);
    // Comparing the length first rules out most names.
    switch (name.length) {
      case 2:
        if (name === 'te' && value !== 'trailers') return malformed('te other than trailers');
        break;
      case 4:
        if (name !== 'host') break;
        if (host !== undefined) return malformed('several host headers');
        host = value;
        continue;
      case 6:
        if (name !== 'cookie') break;
        // Clients may send the pairs of Cookie one by one (section 8.2.3).
        if (cookieAt >= 0) {
          headers[cookieAt] = `${headers[cookieAt]}; ${value}`;
          continue;
        }
        cookieAt = headers.length + 1;
        break;
      case 7:
      case 10:
      case 16:
      case 17:
        if (OF_CONNECTIONS.has(name)) return malformed(`header ${quote(name)}`);
        break;
      case 14:
        if (name !== 'content-length') break;
        if (contentLength !== undefined) return malformed('several content-length headers');
        contentLength = value;
        break;
    }
    headers.push(name, value);
  }
  return { headers, host, contentLength, size, isPlain };
}

/** Fields about a connection of HTTP/1, which make a message malformed (section 8.2.2). */
const OF_CONNECTIONS: ReadonlySet<string> = new Set(['connection', 'transfer-encoding', 'upgrade', 'keep-alive', 'proxy-connection']);

function whyBadTarget(scheme: string | undefined, path: string | undefined, method: string): string | undefined {
  if (scheme === undefined) return 'no :scheme';
  if (scheme !== 'https' && scheme !== 'http') return `:scheme ${quote(scheme)}`;
  if (path === undefined || path === '') return 'no :path';
  return isOriginForm(path) || (path === '*' && method === 'OPTIONS') ? undefined : 'malformed :path';
}

function whyBadLength({ contentLength }: ReadPairs, hasBody: boolean): string | undefined {
  if (contentLength === undefined) return undefined;
  const length = parseLength(contentLength);
  if (Number.isNaN(length)) return `content-length ${quoteValue(contentLength)}`;
  return length > 0 && !hasBody ? 'a content-length without a body' : undefined;
}

/** The fields with Host first, as hosts of HTTP/1 get it: the authority takes its place, and must agree with it (section 8.3.1). */
function withHostFirst(
  headers: readonly string[],
  host: string | undefined,
  authority: string | undefined,
  scheme: Scheme,
): string[] | Malformed {
  if (authority !== undefined && host !== undefined && host !== authority && !isSameAuthority(host, authority, scheme))
    return malformed(':authority and host disagree');
  const name = authority ?? host;
  if (name === undefined || name === '') return malformed('no :authority');
  return ['host', name, ...headers];
}

function checkLength({ length }: SharedFields, { maxBodySize }: HeadRules): Refusal | undefined {
  return maxBodySize > 0 && length > maxBodySize ? REFUSALS.bodySize : undefined;
}

/** Why a request's trailers are malformed; undefined if they are not. */
export function whyBadTrailers(pairs: readonly string[]): string | undefined {
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i] as string;
    if (!NAME.test(name)) return `trailer name ${quote(name)}`;
    if (!VALUE.test(pairs[i + 1] as string)) return `malformed value of trailer ${quote(name)}`;
    if (OF_CONNECTIONS.has(name)) return `trailer ${quote(name)}`;
  }
  return undefined;
}

/** A head as HTTP/1 would have written it, in which reasons of refusals are looked for; latin1. */
export function http1Text(pairs: readonly string[]): string {
  const of = (name: string): string => {
    const at = pairs.findIndex((each, i) => i % 2 === 0 && each === name);
    return at < 0 ? '' : (pairs[at + 1] as string);
  };
  let text = `${of(':method')} ${of(':path')} HTTP/1.1\r\n`;
  if (of(':authority') !== '') text += `host: ${of(':authority')}\r\n`;
  for (let i = 0; i < pairs.length; i += 2) if (!(pairs[i] as string).startsWith(':')) text += `${pairs[i]}: ${pairs[i + 1]}\r\n`;
  return `${text}\r\n`;
}
