// The head of an answer as a client of HTTP/2 gets it: an object for `respond` of node:http2, with names in lower case and
// repeated fields as lists. A host's repeated head is the same object, and its fields need not be composed again. Pure.

import type { HeaderEdit } from './header-edit.js';
import { responseHeaders } from './headers.js';
import type { Http2Fields } from './http2-fields.js';
import type { AnswerTiming } from './own-lines.js';
import type { ResponseHead } from './response-head.js';

/** What an answer has for one request alone. */
export interface Http2AnswerRules {
  /** The route's changes; undefined: none. */
  readonly edit: HeaderEdit | undefined;
  /** The value of a Set-Cookie field for this client alone; undefined: none. */
  readonly setCookie: string | undefined;
  readonly requestId: string;
  readonly timing: AnswerTiming | undefined;
}

/** The highest status that node:http2 sends; RFC 9110, section 15 defines none above it. */
export const MAX_STATUS = 599;

/** A final head. node:http2 adds a Date if there is none (RFC 9110, section 6.6.1). */
export function http2AnswerFields(head: ResponseHead, { edit, setCookie, requestId, timing }: Http2AnswerRules): Http2Fields {
  let composed = head.passedHttp2;
  if (composed === undefined || composed.edit !== edit) {
    const headers = responseHeaders(head, true);
    composed = { edit, fields: fieldsOf(head.status, edit === undefined ? headers : edit.change(headers)) };
    head.passedHttp2 = composed;
  }
  return withOwn(composed.fields, requestId, timing, setCookie);
}

/** Fields with those of one request added. */
function withOwn(composed: Http2Fields, requestId: string, timing: AnswerTiming | undefined, setCookie: string | undefined): Http2Fields {
  const fields: Http2Fields = requestId === '' ? { ...composed } : { ...composed, 'x-request-id': requestId };
  if (timing !== undefined) addField(fields, 'server-timing', timing.serverTiming());
  if (setCookie !== undefined) addField(fields, 'set-cookie', setCookie);
  return fields;
}

/** A host's 101 (WebSocket), which is a 200 in HTTP/2 (RFC 8441, section 5). What answers the key stays here. */
export function http2SwitchFields(head: ResponseHead, { requestId, timing, setCookie }: Http2AnswerRules): Http2Fields {
  const composed = fieldsOf(200, responseHeaders(head, false));
  delete composed['sec-websocket-accept'];
  return withOwn(composed, requestId, timing, setCookie);
}

/** An informational head (1xx). */
export function http2InformationalFields(head: ResponseHead): Http2Fields {
  return fieldsOf(head.status, responseHeaders(head, false));
}

/** Trailers, which have passed the rules for them. */
export function http2TrailerFields(trailers: readonly string[]): Http2Fields {
  const fields: Http2Fields = {};
  for (let i = 0; i < trailers.length; i += 2) addField(fields, (trailers[i] as string).toLowerCase(), trailers[i + 1] as string);
  return fields;
}

/** An answer of our own. @param lines its header lines, each with the line end before it */
export function http2OwnFields(
  status: number,
  lines: string,
  { requestId, timing }: Pick<Http2AnswerRules, 'requestId' | 'timing'>,
): Http2Fields {
  const headers = lines
    .split('\r\n')
    .slice(1)
    .flatMap((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]);
  return withOwn(fieldsOf(status, headers), requestId, timing, undefined);
}

function fieldsOf(status: number, headers: readonly string[]): Http2Fields {
  const fields: Http2Fields = { ':status': status };
  for (let i = 0; i < headers.length; i += 2) addField(fields, (headers[i] as string).toLowerCase(), headers[i + 1] as string);
  return fields;
}

function addField(fields: Http2Fields, name: string, value: string): void {
  // Names come from outside: `constructor` is one that may.
  const before = Object.hasOwn(fields, name) ? fields[name] : undefined;
  // A field that must be there once and is there twice says nothing certain: node:http2 refuses it, so the first one passes.
  if (before === undefined) setField(fields, name, value);
  else if (name !== '__proto__' && !SINGLE.has(name)) fields[name] = Array.isArray(before) ? [...before, value] : [String(before), value];
}

function setField(fields: Http2Fields, name: string, value: string): void {
  if (name === '__proto__') Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
  else fields[name] = value;
}

/** Fields of which node:http2 sends no more than one. */
const SINGLE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);
