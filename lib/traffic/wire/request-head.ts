// Strict parser of a request's head: gives either the parsed head or a refusal. Refuses anything that two parsers could
// read differently (RFC 9112, sections 3, 5, 6 and 11.2). Pure.

import type { TrafficLimits } from '../../config/traffic-config.js';
import { isSameAuthority } from './authority.js';
import { type Refusal, REFUSALS } from './refusals.js';
import { type BodyFraming, type LinesRules, readFields, type RequestFields, type SharedFields, withHost } from './request-fields.js';
import {
  checkMethod,
  checkTargetBytes,
  isOriginForm,
  lineGrammar,
  type LineRules,
  readAbsoluteTarget,
  refuseLongHead,
  refuseRequestLine,
} from './request-line.js';
import type { TraceContext } from './trace-context.js';
import { offersWithoutWebSocket } from './upgrade-offers.js';

/** A version of HTTP; `1.1` for any higher minor version too (RFC 9110, section 2.5). */
export type HttpVersion = '1.0' | '1.1' | '2.0';

/** A request's head, whatever its lane. */
export interface RequestHead extends RequestFields {
  readonly method: string;
  /** As hosts get it: percent-encodings and double slashes unchanged; an absolute target without its scheme and authority. */
  readonly target: string;
  /** Of the client's message. */
  readonly version: HttpVersion;
  /** The fields, as one object for all heads of a connection with identical header lines; undefined if they can't be shared. */
  readonly shared: SharedFields | undefined;
}

/** The limits and rules of heads. */
export interface HeadRules extends LineRules, LinesRules, Pick<TrafficLimits, 'maxHeaderSize' | 'maxBodySize'> {}

/** Whether reading gave a refusal. */
export function isRefusal(read: RequestHead | Refusal): read is Refusal {
  return 'counter' in read;
}

/**
 * Reads a head, from its request line to its empty line.
 * @param text latin1, ends with CRLF CRLF
 */
export function readRequestHead(text: string, rules: HeadRules): RequestHead | Refusal {
  if (text.length > rules.maxHeaderSize) return refuseLongHead(text, rules);
  const line = lineGrammar(rules).line.exec(text);
  if (line === null) return refuseRequestLine(text, rules);
  const [{ length: start }, method, target, minor] = line as unknown as [string, string, string, string];
  if (target.length > rules.maxUrlSize) return REFUSALS.urlSize;
  const minorVersion = minor === '0' ? 0 : 1;
  const fields = readFields(text, start, minorVersion, rules);
  if ('counter' in fields) return fields;
  return (
    checkMethod(method, rules) ??
    checkTargetBytes(target, rules) ??
    checkBody(method, minorVersion, fields, rules) ??
    (isOriginForm(target)
      ? new ReadHead(method, target, versionOf(minorVersion), fields)
      : readOtherForm(method, target, versionOf(minorVersion), fields))
  );
}

const versionOf = (minorVersion: 0 | 1): HttpVersion => (minorVersion === 0 ? '1.0' : '1.1');

/** A head whose target is `*`, or has a scheme and a name. */
function readOtherForm(method: string, target: string, version: HttpVersion, fields: SharedFields): RequestHead | Refusal {
  if (target === '*') return method === 'OPTIONS' ? new ReadHead(method, target, version, fields) : REFUSALS.target;
  const absolute = readAbsoluteTarget(method, target);
  if (absolute === undefined) return REFUSALS.target;
  const { scheme, authority } = absolute;
  // The target's name takes precedence over Host (RFC 9112, section 3.2.2), but a proxy before us may have used Host.
  if (fields.host !== undefined && !isSameAuthority(fields.host, authority, scheme)) return REFUSALS.hostHeader;
  return new ReadHead(method, absolute.target, version, withHost(fields, authority));
}

/**
 * Reads the heads of one connection. Clients repeat their header lines from request to request: if all bytes from the
 * version on equal those of the last head, its fields are reused and the lines are not parsed again.
 */
export class RequestHeadReader {
  readonly #rules: HeadRules;
  readonly #methodAndTarget: RegExp;
  /** The version, header lines and fields of the last head without a body or an upgrade. */
  #known = '';
  #fields: SharedFields | undefined;

  constructor(rules: HeadRules) {
    this.#rules = rules;
    this.#methodAndTarget = lineGrammar(rules).methodAndTarget;
  }

  /** As `readRequestHead`. */
  read(text: string): RequestHead | Refusal {
    const versionAt = text.indexOf(' HTTP/1.');
    const known = this.#fields;
    if (known !== undefined && text.length - versionAt === this.#known.length && text.endsWith(this.#known)) {
      // The known part contains no other request line: the text before it is a method and a target, or invalid.
      const start = this.#methodAndTarget.exec(text.slice(0, versionAt));
      if (start !== null && text.length <= this.#rules.maxHeaderSize) {
        const [, method, target] = start as unknown as [string, string, string];
        if (
          isOriginForm(target) &&
          target.length <= this.#rules.maxUrlSize &&
          checkMethod(method, this.#rules) === undefined &&
          checkTargetBytes(target, this.#rules) === undefined
        ) {
          return new ReadHead(method, target, text.charCodeAt(versionAt + 8) === 0x30 ? '1.0' : '1.1', known);
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

/** A parsed head: its own request line, and fields that it may share with other heads. */
export class ReadHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: HttpVersion;
  readonly #fields: SharedFields;

  constructor(method: string, target: string, version: HttpVersion, fields: SharedFields) {
    this.method = method;
    this.target = target;
    this.version = version;
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
    const { upgrade } = this.#fields;
    return upgrade === undefined || this.method === 'GET' ? upgrade : offersWithoutWebSocket(upgrade);
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

  get requestId(): string | undefined {
    return this.#fields.requestId;
  }

  get trace(): TraceContext | undefined {
    return this.#fields.trace;
  }

  get droppedNames(): readonly string[] {
    return this.#fields.droppedNames;
  }

  get shared(): SharedFields | undefined {
    return this.#fields.isShared ? this.#fields : undefined;
  }
}

/** Methods whose bodies older parsers do not expect (RFC 9112, section 6.3 against HTTP/1.0's rules), in any letter case. */
const BODILESS = /^(?:GET|HEAD|DELETE|OPTIONS)$/i;

/** Refuses a body that is too long, or that older parsers would not expect. */
function checkBody(method: string, minorVersion: 0 | 1, { framing, length }: RequestFields, rules: HeadRules): Refusal | undefined {
  if (rules.maxBodySize > 0 && length > rules.maxBodySize) return REFUSALS.bodySize;
  return minorVersion === 0 && framing !== 'none' && BODILESS.test(method) ? REFUSALS.body : undefined;
}

/** Whether a partial head has a bare CR or LF or a folded line, and so can't become valid. */
export function hasBrokenLine(text: string): boolean {
  return /[^\r]\n|\r[^\n]|\n[ \t]/.test(text);
}
