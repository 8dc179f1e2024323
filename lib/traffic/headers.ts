// Header rules as pure functions over raw header lists (name, value, name, value, …), as they came:
// order, case and repetition are kept. Source: RFC 9110, section 7.6.1; RFC 7230, section 6.1.

/** Headers that belong to one connection and never pass. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Headers that say where a request came from: from a client they can say anything, so ours replace them. */
const ORIGIN_CLAIMS: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
]);

/** What the request's headers do not say themselves. */
export interface RequestFacts {
  readonly clientAddress: string;
  readonly isTls: boolean;
  /** The request's Host header; a client of HTTP/1.0 may have sent none. */
  readonly host: string | undefined;
  /** The host's own name and port: its Host header where the client sent none. */
  readonly target: string;
  /** True when there is no body, but the method is one that has one: without a length it would be sent chunked. */
  readonly isEmpty: boolean;
  /** True when the body came chunked: it is passed on chunked. */
  readonly isChunked: boolean;
  /** The value of Upgrade when the connection is to be switched. */
  readonly upgrade: string | undefined;
}

/** The headers that a host gets for a request. */
export function requestHeaders(raw: readonly string[], facts: RequestFacts): string[] {
  const named = namedByConnection(raw);
  const headers: string[] = facts.host === undefined ? ['Host', facts.target] : [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || ORIGIN_CLAIMS.has(lower) || named?.has(lower)) continue;
    // The 100 (Continue) was sent to the client when its body was asked for.
    if (lower === 'expect') continue;
    headers.push(name, raw[i + 1] as string);
  }
  headers.push('X-Forwarded-For', facts.clientAddress, 'X-Forwarded-Proto', facts.isTls ? 'https' : 'http');
  if (facts.host !== undefined) headers.push('X-Forwarded-Host', facts.host);
  if (facts.isEmpty) headers.push('Content-Length', '0');
  if (facts.isChunked) headers.push('Transfer-Encoding', 'chunked');
  if (facts.upgrade !== undefined) headers.push('Connection', 'Upgrade', 'Upgrade', facts.upgrade);
  else headers.push('Connection', 'keep-alive');
  return headers;
}

/** The headers that a client gets of a host's answer. */
export function responseHeaders(raw: readonly string[]): string[] {
  const named = namedByConnection(raw);
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || named?.has(lower)) continue;
    headers.push(name, raw[i + 1] as string);
  }
  return headers;
}

/** Headers that must pass although Connection names them: without them a message means something else. */
const NEVER_DROPPED: ReadonlySet<string> = new Set(['content-length', 'host']);

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
