// Interfaces of the users of a connection to a host: the attempt, and the tunnel that takes over after a 101. A user
// receives events while it holds the connection, and its end exactly once.

import type { HostAddresses } from '../../health/host-addresses.js';
import type { ResponseSink } from './response-parser.js';

/** The user of a connection: an attempt. */
export interface ConnectionUser extends ResponseSink {
  /** The connection is established. */
  onConnected(): void;
  /** All received bytes were parsed, and the answer is incomplete. */
  onPause(): void;
  /** More can be written: the system has taken what was pending. */
  onHostWritable(): void;
  /** The host takes no more of the request. Its answer is still read: the rest of it follows, or `onHostLost`. */
  onBodyRefused(): void;
  /**
   * The connection ended or the answer is malformed: no further calls.
   * @param reason in a few words, for logs
   */
  onHostLost(loss: Loss, reason: string): void;
  /** The connection's `deadlineMs` has passed. */
  onHostDeadline(): void;
  /** One of these calls threw, which is a bug of ours: no further calls. Must not throw. */
  onFault(error: unknown): void;
}

/** How the answer to a request was lost. */
export type Loss =
  | 'connect-failed'
  | 'reset'
  /** The connection was reused, and ended before the first byte of this request's answer. */
  | 'stale'
  | 'bad-response'
  /** HTTP/2: the host ends the connection, and did not process this request, but others before it (GOAWAY). */
  | 'goaway'
  /** The same, and it processed none. */
  | 'goaway-unused'
  /** HTTP/2: the host did not process this request (REFUSED_STREAM). */
  | 'refused'
  /** HTTP/2: the host takes no WebSockets (RFC 8441); it was not asked. */
  | 'unsupported';

/** The user of a connection after a 101: bytes pass unparsed. */
export interface TunnelSide {
  /** @param bytes valid until the call returns */
  onHostBytes(bytes: Buffer): void;
  onHostWritable(): void;
  onHostEnd(): void;
  onHostClosed(): void;
  onHostDeadline(nowMs: number): void;
  /** One of these calls threw, which is a bug of ours. Must not throw. */
  onFault(error: unknown): void;
}

/** What connections of one host share. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** The addresses that the host's name resolves to; undefined when `host` is an address. */
  readonly addresses: HostAddresses | undefined;
  /** Time to connect: each address gets a share, the last one all that is left. */
  readonly connectTimeoutMs: number;
  /** How to verify it; undefined for a plain connection. */
  readonly tls: { readonly servername: string; readonly ca: string | undefined; readonly rejectUnauthorized: boolean } | undefined;
}
