// A request as a host gets it over HTTP/2: the same header rules as for HTTP/1, written as the object of headers that
// node:http2 takes. Sources: RFC 9113, sections 8.2 and 8.3.1; RFC 8441, section 4. Pure.

import type { OutgoingHttpHeaders } from 'node:http2';
import { AS_IT_CAME } from './forward-plan.js';
import { isGrpc } from './grpc.js';
import { type ClientFacts, passedTrailers, requestHeaders, type RequestRules } from './headers.js';
import { hasToken } from './grammar.js';
import type { RequestHead } from './request-head.js';
import type { ResponseHead } from './response-head.js';
import { websocketAcceptOf } from './websocket-accept.js';

/** Fields that belong to one connection of HTTP/1, and Host, which `:authority` replaces. TE passes, with its only value. */
const NOT_PASSED: ReadonlySet<string> = new Set(['host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/**
 * Fields of which a message has one (RFC 9110), so that node:http2 refuses to send several: they are combined into one
 * line, as a recipient may do (RFC 9110, section 5.2).
 */
const ONE_LINE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);

/** Whether the client offers a WebSocket, which hosts of HTTP/2 get as an extended CONNECT; they get no other offer. */
export function isWebSocketOffer({ upgrade }: Pick<RequestHead, 'upgrade'>): boolean {
  return upgrade !== undefined && hasToken(upgrade, 'websocket');
}

/** The answer with which a host has accepted an extended CONNECT, as HTTP/1 says it. */
export function switchOf(accepted: ResponseHead, { headers: asked }: Pick<RequestHead, 'headers'>): ResponseHead {
  const key = asked.find((_, i) => i % 2 === 1 && asked[i - 1]?.toLowerCase() === 'sec-websocket-key') ?? '';
  const headers = [...accepted.headers, 'upgrade', 'websocket', 'sec-websocket-accept', websocketAcceptOf(key)];
  return { ...accepted, status: 101, reason: 'Switching Protocols', headers, framing: 'none', length: 0, passed: undefined };
}

/** The headers that a host gets for a request. @param scheme of the connection to the host */
export function http2RequestHeaders(
  head: RequestHead,
  client: ClientFacts,
  rules: RequestRules,
  scheme: 'http' | 'https',
): OutgoingHttpHeaders {
  const { plan = AS_IT_CAME, ownLines = '' } = rules;
  const { rewrite, request: edit } = plan;
  const { shared } = head;
  let fields: OutgoingHttpHeaders;
  if (shared === undefined) fields = compose(head, client, rules, scheme);
  else {
    if (shared.forwardedHttp2 === undefined || shared.forwardedHttp2With !== edit || shared.forwardedHttp2[':scheme'] !== scheme) {
      shared.forwardedHttp2 = compose(head, client, rules, scheme);
      shared.forwardedHttp2With = edit;
    }
    fields = { ...shared.forwardedHttp2 };
  }
  fields[':method'] = head.method;
  if (isWebSocketOffer(head)) becomeConnect(fields);
  fields[':path'] = rewrite === undefined ? head.target : rewrite(head.target);
  if (ownLines !== '') addLines(fields, ownLines);
  return fields;
}

/** An extended CONNECT has no handshake of its own (RFC 8441, section 5). */
function becomeConnect(fields: OutgoingHttpHeaders): void {
  fields[':method'] = 'CONNECT';
  fields[':protocol'] = 'websocket';
  delete fields['sec-websocket-key'];
}

/** All but the method and the target, which take their places. */
function compose(head: RequestHead, client: ClientFacts, rules: RequestRules, scheme: string): OutgoingHttpHeaders {
  const headers = requestHeaders(head, client, rules);
  const fields = new Map<string, string | string[]>([
    [':method', ''],
    [':path', ''],
    [':scheme', scheme],
    [':authority', rules.authority],
  ]);
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    if (name === 'host') fields.set(':authority', value);
    if (!NOT_PASSED.has(name)) add(fields, name, value);
  }
  return Object.fromEntries(fields);
}

/** Fields are gathered in a map: `constructor` is a valid name. */
function add(fields: Map<string, string | string[]>, name: string, value: string): void {
  const before = fields.get(name);
  if (before === undefined) fields.set(name, value);
  else if (typeof before === 'object') before.push(value);
  else fields.set(name, ONE_LINE.has(name) ? `${before}, ${value}` : [before, value]);
}

/** Adds lines that were composed for HTTP/1, each with the line end before it; they take the places of fields with their names. */
function addLines(fields: OutgoingHttpHeaders, lines: string): void {
  for (let at = 2; at < lines.length; ) {
    const colon = lines.indexOf(':', at);
    const found = lines.indexOf('\r\n', colon);
    const end = found < 0 ? lines.length : found;
    fields[lines.slice(at, colon).toLowerCase()] = lines.slice(colon + 2, end);
    at = end + 2;
  }
}

/** The trailers of a request as a host gets them. */
export function http2Trailers(raw: readonly string[]): OutgoingHttpHeaders {
  const fields = new Map<string, string | string[]>();
  const passed = passedTrailers(raw);
  for (let i = 0; i < passed.length; i += 2) {
    const name = (passed[i] as string).toLowerCase();
    if (!NOT_PASSED.has(name)) add(fields, name, passed[i + 1] as string);
  }
  return Object.fromEntries(fields);
}

/**
 * Whether trailers may follow the body of a request. Waiting for them costs a frame, so it is not done where none can
 * come: the protocol of gRPC has none in requests (gRPC over HTTP/2, "Requests").
 */
export function mayHaveTrailers({ framing, headers }: RequestHead): boolean {
  return framing === 'chunked' && !isGrpc(headers);
}
