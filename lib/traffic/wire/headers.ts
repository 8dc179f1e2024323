// Header rules as pure functions over raw header lists (name, value, name, value, …): order, case and repetition are
// kept. Sources: RFC 9110, sections 7.6 and 10.1; RFC 9112, section 7.4; RFC 7239.

import { HOP_BY_HOP } from '../../config/unchangeable-headers.js';
import { isClaim } from './claims.js';
import { AS_IT_CAME, type ForwardPlan } from './forward-plan.js';
import { hasToken } from './grammar.js';
import type { RequestHead } from './request-head.js';
import type { ResponseHead } from './response-head.js';

/** Facts about the client of a connection, computed once for all of its requests. */
export interface ClientFacts {
  /** The client's address, from the connection or its PROXY header. */
  readonly address: string;
  /** The client as RFC 7239 writes a node: `192.0.2.1` or `"[2001:db8::1]"`. */
  readonly node: string;
  readonly isTls: boolean;
  /** The port that the client connected to: ours, or the one that its PROXY header names. */
  readonly port: string;
  /** Whether the client is a trusted proxy (--trust), whose claims of origin are believed. */
  readonly isTrusted: boolean;
  /** The address that the connection came from: the proxy's when `address` is from a PROXY header. */
  readonly peer: string;
}

/** How a request is forwarded. */
export interface RequestRules {
  /** The host's own name and port: its Host header where the client sent none. */
  readonly authority: string;
  /** Our name in Via. */
  readonly pseudonym: string;
  /** What the route changes; left out: nothing. */
  readonly plan?: ForwardPlan;
  /** Lines for this request alone: its id and its trace; left out: none. */
  readonly ownLines?: string;
}

/** The facts of a client. @param peer the sender of the PROXY header, if there was one */
export function clientFacts(address: string, port: number, isTls: boolean, isTrusted: boolean, peer = address): ClientFacts {
  return { address, node: address.includes(':') ? `"[${address}]"` : address, isTls, port: String(port), isTrusted, peer };
}

/** What happens to a header by its name: it passes, it is hop-by-hop, it is a claim of origin, or we write it ourselves. */
type Kind = 'pass' | 'hop' | 'claim' | 'own';

/** Whether any name of a hop-by-hop header has this length: a cheap test that settles most headers. */
const MAY_BE_HOP: readonly boolean[] = Array.from({ length: 20 }, (_, length) => [...HOP_BY_HOP].some((name) => name.length === length));

function kindOf(name: string): Kind {
  if (MAY_BE_HOP[name.length] === true && HOP_BY_HOP.has(name.toLowerCase())) return 'hop';
  if (isOwn(name)) return 'own';
  return isClaim(name) ? 'claim' : 'pass';
}

/** The fields of a request that `ownLines` replaces. A host that reads `X_Request_Id` as the same name must not be misled either. */
function isOwn(name: string): boolean {
  switch (name.length) {
    case 10:
      return name.toLowerCase() === 'tracestate';
    case 11:
      return name.toLowerCase() === 'traceparent';
    case 12:
      return (name.charCodeAt(0) | 0x20) === 0x78 && X_REQUEST_ID.test(name);
    default:
      return false;
  }
}

const X_REQUEST_ID = /^x[^0-9a-z]request[^0-9a-z]id$/i;

/** The headers that a host gets for a request, without those of `ownLines`. */
export function requestHeaders(head: RequestHead, client: ClientFacts, rules: RequestRules): string[] {
  const { headers: raw, host, framing, version } = head;
  const named = namedByConnection(raw);
  const { request: edit } = rules.plan ?? AS_IT_CAME;
  let headers: string[] = host === undefined ? ['Host', rules.authority] : [];
  const claims: Claims = {};
  let wantsTrailers = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    const kind = kindOf(name);
    if (kind === 'hop') {
      if (name.length === 2) wantsTrailers ||= hasToken(value, 'trailers');
      else if (name.length === 7 && framing === 'chunked' && name.toLowerCase() === 'trailer') headers.push(name, value);
      continue;
    }
    if (kind === 'own' || named?.has(name.toLowerCase())) continue;
    if (kind === 'claim') {
      if (client.isTrusted) addClaim(claims, headers, name, value);
      continue;
    }
    if (name.length === 6 && !head.expectsContinue && name.toLowerCase() === 'expect') continue;
    headers.push(name, value);
  }
  if (edit !== undefined) headers = edit.change(headers);
  addOrigin(headers, claims, client, host);
  headers.push('Via', `${version} ${rules.pseudonym}`);
  if (framing === 'chunked') headers.push('Transfer-Encoding', 'chunked');
  if (head.upgrade !== undefined) headers.push('Connection', 'Upgrade', 'Upgrade', head.upgrade);
  else if (wantsTrailers) headers.push('TE', 'trailers', 'Connection', 'keep-alive, TE');
  else headers.push('Connection', 'keep-alive');
  return headers;
}

/** A request's head as a host gets it, in latin1. */
export function requestText(head: RequestHead, client: ClientFacts, rules: RequestRules): string {
  const { shared } = head;
  const { plan = AS_IT_CAME, ownLines = '' } = rules;
  const { rewrite, request: edit } = plan;
  const line = `${head.method} ${rewrite === undefined ? head.target : rewrite(head.target)} HTTP/1.1`;
  // Shared fields have a Host of their own and no upgrade, so these lines depend on neither the host nor the request.
  if (shared === undefined) return `${line}${linesOf(requestHeaders(head, client, rules))}${ownLines}\r\n\r\n`;
  if (shared.forwarded === undefined || shared.forwardedWith !== edit) {
    shared.forwarded = linesOf(requestHeaders(head, client, rules));
    shared.forwardedWith = edit;
  }
  return `${line}${shared.forwarded}${ownLines}\r\n\r\n`;
}

/** A trusted proxy's claims of origin. */
interface Claims {
  for?: string;
  proto?: string;
  host?: string;
  port?: string;
  forwarded?: string;
}

function addClaim(claims: Claims, headers: string[], name: string, value: string): void {
  const join = (before: string | undefined): string => (before === undefined ? value : `${before}, ${value}`);
  switch (name.toLowerCase()) {
    case 'forwarded':
      claims.forwarded = join(claims.forwarded);
      break;
    case 'x-forwarded-for':
      claims.for = join(claims.for);
      break;
    case 'x-forwarded-proto':
      claims.proto ??= value;
      break;
    case 'x-forwarded-host':
      claims.host ??= value;
      break;
    case 'x-forwarded-port':
      claims.port ??= value;
      break;
    default:
      headers.push(name, value);
  }
}

function addOrigin(headers: string[], claims: Claims, client: ClientFacts, host: string | undefined): void {
  const proto = client.isTls ? 'https' : 'http';
  const { address, node, port } = client;
  headers.push('X-Forwarded-For', claims.for === undefined ? address : `${claims.for}, ${address}`);
  headers.push('X-Forwarded-Proto', claims.proto ?? proto);
  const forwardedHost = claims.host ?? host;
  if (forwardedHost !== undefined) headers.push('X-Forwarded-Host', forwardedHost);
  headers.push('X-Forwarded-Port', claims.port ?? port);
  // A host with a port or brackets is no token and must be quoted (RFC 7239, section 4).
  const element = host === undefined ? `for=${node};proto=${proto}` : `for=${node};host="${host}";proto=${proto}`;
  headers.push('Forwarded', claims.forwarded === undefined ? element : `${claims.forwarded}, ${element}`);
}

/**
 * The headers of a host's answer as a client gets them.
 * @param passesTrailers whether the answer is sent on chunked, so that trailers can follow it
 */
export function responseHeaders(head: Pick<ResponseHead, 'headers' | 'status' | 'framing'>, passesTrailers: boolean): string[] {
  const { headers: raw, status, framing } = head;
  const named = namedByConnection(raw);
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (MAY_BE_HOP[name.length] === true && HOP_BY_HOP.has(name.toLowerCase())) {
      if (passesTrailers && framing === 'chunked' && name.toLowerCase() === 'trailer') headers.push(name, value);
      continue;
    }
    // The answer has the id that the request has here.
    if (name.length === 12 && name.toLowerCase() === 'x-request-id') continue;
    if (named?.has(name.toLowerCase())) continue;
    // An answer without content must not have a Content-Length (RFC 9110, section 8.6).
    if ((status === 204 || status < 200) && name.length === 14 && name.toLowerCase() === 'content-length') continue;
    headers.push(name, value);
  }
  return headers;
}

/** Fields that are not allowed in trailers, since they would change the message afterwards (RFC 9110, section 6.5.1). */
const NO_TRAILERS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'host',
  'expect',
  'via',
  'max-forwards',
  'cache-control',
  'range',
  'authorization',
  'cookie',
  'set-cookie',
  'age',
  'date',
  'expires',
  'location',
  'retry-after',
  'vary',
  'warning',
  'www-authenticate',
]);

/** The trailers that pass, in either direction: all but those for framing, routing or claims of origin. */
export function passedTrailers(raw: readonly string[]): readonly string[] {
  if (raw.length === 0) return raw;
  return raw.filter((_, i) => {
    const name = (raw[i & ~1] as string).toLowerCase();
    return !NO_TRAILERS.has(name) && !isClaim(name) && !isOwn(name);
  });
}

/** Headers that pass even when Connection names them: without them the message would mean something else. */
const NEVER_DROPPED: ReadonlySet<string> = new Set(['content-length', 'host', 'date']);

/** The header names that Connection lists; undefined for the usual `keep-alive` and `close`. */
function namedByConnection(raw: readonly string[]): Set<string> | undefined {
  let named: Set<string> | undefined;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    const value = (raw[i + 1] as string).toLowerCase();
    if (value === 'keep-alive' || value === 'close') continue;
    named ??= new Set();
    for (const token of value.split(',')) {
      const trimmed = token.trim();
      if (!NEVER_DROPPED.has(trimmed)) named.add(trimmed);
    }
  }
  return named;
}

/** A head as it goes out, in latin1. */
export function headText(startLine: string, headers: readonly string[]): string {
  return `${startLine}${linesOf(headers)}\r\n\r\n`;
}

/** Header lines as they go out, in latin1: each with the line end before it. */
export function linesOf(headers: readonly string[]): string {
  let text = '';
  for (let i = 0; i < headers.length; i += 2) text += `\r\n${headers[i]}: ${headers[i + 1]}`;
  return text;
}
