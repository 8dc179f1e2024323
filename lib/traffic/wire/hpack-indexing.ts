// Which fields enter the dynamic table of the blocks that we write. The principle: an entry pays when the same value comes
// again on the same connection. A value that is new with each message pushes out those that repeat, and makes all blocks
// written before it void. A secret that shares a table with what others choose can be guessed by the lengths of blocks (RFC
// 7541, section 7.1). Pure.

import { STATIC_FIRST } from './hpack-tables.js';

/** What is done with a field that no table has: it enters ours, it stays out of ours, or it stays out of all. */
export type Indexing = 'add' | 'literal' | 'never';

/** What is known of a name: the first index that the static table has for it, 0 if none. */
export interface KnownName {
  readonly index: number;
  readonly indexing: Indexing;
}

/** Secrets: never indexed, by us or by whoever passes them on (RFC 7541, section 6.2.3). */
const SECRET_NAMES: readonly string[] = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'x-auth-token',
  'x-csrf-token',
  'x-xsrf-token',
  'sec-websocket-key',
];

/** Names whose values differ from message to message, from client to client, or from second to second: literals. */
const VARYING_NAMES: readonly string[] = [
  // Of one resource, or of one representation of it.
  ':path',
  'content-disposition',
  'content-length',
  'content-location',
  'content-range',
  'etag',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'link',
  'location',
  'range',
  'referer',
  'sec-websocket-accept',
  // Of one moment.
  'age',
  'date',
  'expires',
  'grpc-timeout',
  'retry-after',
  'server-timing',
  // Of one message.
  'b3',
  'baggage',
  'grpc-message',
  'grpc-status-details-bin',
  'idempotency-key',
  'traceparent',
  'tracestate',
  'x-amzn-trace-id',
  'x-b3-parentspanid',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-correlation-id',
  'x-request-id',
  // Of one client, where many share a connection to a host.
  'forwarded',
  'x-forwarded-for',
  'x-real-ip',
];

const indexingOf = (name: string): Indexing => (SECRET_NAMES.includes(name) ? 'never' : VARYING_NAMES.includes(name) ? 'literal' : 'add');

/** A name that is not known. */
export const OTHER_NAME: KnownName = { index: 0, indexing: 'add' };

/** The names that are known, in one table: it is looked into for each field. */
export const KNOWN_NAMES: ReadonlyMap<string, KnownName> = new Map(
  [...STATIC_FIRST.keys(), ...SECRET_NAMES, ...VARYING_NAMES].map((name) => [
    name,
    { index: STATIC_FIRST.get(name) ?? 0, indexing: indexingOf(name) },
  ]),
);
