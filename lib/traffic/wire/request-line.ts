// The request line: its grammar, the methods that are served, and the forms of targets (RFC 9112, section 3).
// Every check gives a refusal or undefined. Pure.

import { isUtf8 } from 'node:buffer';
import { MAX_METHOD_LENGTH } from '../../config/methods.js';
import type { TrafficLimits, Utf8Policy } from '../../config/traffic-config.js';
import { type Scheme, isAuthority, usualAuthority } from './authority.js';
import { TOKEN_CHARS } from './grammar.js';
import { type Refusal, REFUSALS } from './refusals.js';

/** The limits and rules of a request line. */
export interface LineRules extends Pick<TrafficLimits, 'maxUrlSize'> {
  /** The methods that are served; empty: any but CONNECT and TRACE. */
  readonly methods: readonly string[];
  readonly utf8Targets: Utf8Policy;
}

/** The grammar of request lines, as regular expressions. */
export interface LineGrammar {
  /** A whole line: method, target, the digit of its minor version. */
  readonly line: RegExp;
  /** The part of a line before the version: method, target. */
  readonly methodAndTarget: RegExp;
  /** A prefix of a line. */
  readonly partial: RegExp;
}

const METHOD = `[${TOKEN_CHARS}]`;

function grammarOf(targetChars: string): LineGrammar {
  const target = `[${targetChars}]`;
  return {
    line: new RegExp(`^(${METHOD}{1,${MAX_METHOD_LENGTH}}) (${target}+) HTTP/1\\.(\\d)\\r\\n`),
    methodAndTarget: new RegExp(`^(${METHOD}{1,${MAX_METHOD_LENGTH}}) (${target}+)$`),
    partial: new RegExp(`^${METHOD}{0,${MAX_METHOD_LENGTH}}(?: ${target}*(?: (?:H(?:T(?:T(?:P(?:/(?:1(?:\\.\\d?)?)?)?)?)?)?)?\\r?)?)?$`),
  };
}

/** Visible ASCII except `#`: a request has no fragment. */
const ASCII = '\\x21\\x22\\x24-\\x7e';
const ASCII_GRAMMAR = grammarOf(ASCII);
const BYTE_GRAMMAR = grammarOf(`${ASCII}\\x80-\\xff`);

/** The grammar to use, with or without UTF-8 targets. */
export function lineGrammar({ utf8Targets }: LineRules): LineGrammar {
  return utf8Targets === 'pass' ? BYTE_GRAMMAR : ASCII_GRAMMAR;
}

/** Never served, in any letter case: a host may ignore the case. */
const NEVER_SERVED = /^(?:CONNECT|TRACE)$/i;

/** Refuses a method that is not served. */
export function checkMethod(method: string, { methods }: LineRules): Refusal | undefined {
  if ((method.length === 5 || method.length === 7) && NEVER_SERVED.test(method)) return REFUSALS.method;
  return methods.length === 0 || methods.includes(method) ? undefined : REFUSALS.methodNotListed;
}

/** Whether a target is in origin form: a path with an optional query. */
export function isOriginForm(target: string): boolean {
  return target.charCodeAt(0) === SLASH;
}

const SLASH = 0x2f;

/** The parts of an absolute target. */
export interface AbsoluteTarget {
  readonly scheme: Scheme;
  /** The name and port, in normal form. */
  readonly authority: string;
  /** The target in origin form, a path and query, or `*`. */
  readonly target: string;
}

const ABSOLUTE = /^(https?):\/\/([^/?]*)(.*)$/i;

/** Reads a target that has a scheme; undefined when it is not http or https, or its authority is malformed. */
export function readAbsoluteTarget(method: string, target: string): AbsoluteTarget | undefined {
  const parts = ABSOLUTE.exec(target);
  if (parts === null) return undefined;
  const [, written, authority, rest] = parts as unknown as [string, string, string, string];
  if (!isAuthority(authority)) return undefined;
  const scheme = written.toLowerCase() as Scheme;
  // Without a path OPTIONS is about the server, not about its root (RFC 9112, section 3.2.4).
  const path = rest === '' && method === 'OPTIONS' ? '*' : rest.startsWith('/') ? rest : `/${rest}`;
  return { scheme, authority: usualAuthority(authority, scheme), target: path };
}

/** Refuses bytes above ASCII that are not valid UTF-8: programs decode them differently. */
export function checkTargetBytes(target: string, { utf8Targets }: LineRules): Refusal | undefined {
  if (utf8Targets === 'refuse' || !/[\x80-\xff]/.test(target)) return undefined;
  return isUtf8(Buffer.from(target, 'latin1')) ? undefined : REFUSALS.target;
}

/** Whether a head's target is too long, as far as it has arrived. */
export function isUrlTooLong(text: string, { maxUrlSize }: Pick<LineRules, 'maxUrlSize'>): boolean {
  const target = text.indexOf(' ') + 1;
  const end = text.indexOf(' ', target);
  return target > 0 && (end < 0 ? text.length : end) - target > maxUrlSize;
}

const LONG_METHOD = new RegExp(`^${METHOD}{${MAX_METHOD_LENGTH + 1}}`);
const SPACELESS = '[^ \\t\\v\\f\\r\\n]';
const ANY_VERSION = new RegExp(`^${SPACELESS}+ ${SPACELESS}+ HTTP/${SPACELESS}*$`);
const LOOSE_LINE = new RegExp(`^${METHOD}+ ${SPACELESS}+ HTTP/1\\.\\d$`);

/** The refusal for an invalid or too long request line. */
export function refuseRequestLine(text: string, rules: LineRules): Refusal {
  if (LONG_METHOD.test(text)) return REFUSALS.methodUnknown;
  if (isUrlTooLong(text, rules)) return REFUSALS.urlSize;
  const [line = ''] = text.split('\r\n', 1);
  if (ANY_VERSION.test(line) && !/ HTTP\/1\.\d$/.test(line)) return REFUSALS.version;
  return LOOSE_LINE.test(line) ? REFUSALS.target : REFUSALS.requestLine;
}

/** The refusal for a head above the size limit. */
export function refuseLongHead(text: string, rules: LineRules): Refusal {
  if (LONG_METHOD.test(text)) return REFUSALS.methodUnknown;
  return isUrlTooLong(text, rules) ? REFUSALS.urlSize : REFUSALS.headSize;
}

/**
 * Checks a request line that may be incomplete: refuses it if no further bytes can make it valid, so that such a
 * client (HTTP/0.9, garbage) gets its answer at once; else undefined.
 * @param text latin1, from the head's first byte on
 */
export function checkPartialLine(text: string, rules: LineRules): Refusal | undefined {
  const grammar = lineGrammar(rules);
  const lineEnd = text.indexOf('\n');
  if (lineEnd >= 0) {
    const line = text.slice(0, lineEnd + 1);
    return grammar.line.test(line) && !isUrlTooLong(line, rules) ? undefined : refuseRequestLine(line, rules);
  }
  if (isUrlTooLong(text, rules)) return REFUSALS.urlSize;
  return grammar.partial.test(text) ? undefined : refuseRequestLine(`${text}\r\n`, rules);
}
