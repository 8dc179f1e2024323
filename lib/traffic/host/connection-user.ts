// Who has to do with a connection to a host: the attempt that uses it and the tunnel that takes it over. Each hears of what concerns it while the connection is in its hands, and of the end exactly once.

import type { HostAddresses } from '../../health/host-addresses.js';
import type { ResponseSink } from './response-parser.js';

/** Who uses a connection. */
export interface ConnectionUser extends ResponseSink {
  /** The connection has come about. */
  onConnected(): void;
  /** All that came was read, and the answer is not whole. */
  onPause(): void;
  /** What was written has gone out. */
  onHostWritable(): void;
  /** The host takes no more of the request. What it has said is still read: the rest of an answer comes, or its loss. */
  onBodyRefused(): void;
  /**
   * The connection ended, or what came on it is no answer: nothing more comes.
   * @param reason in a few words, for logs
   */
  onHostLost(loss: Loss, reason: string): void;
  /** The connection's `deadlineMs` has passed. */
  onHostDeadline(): void;
  /** One of these calls threw, which is a bug of ours: nothing more comes. Must not throw. */
  onFault(error: unknown): void;
}

/** How a connection was lost to its user; `stale`: it was kept from an earlier request, and ended before a byte of this one's answer. */
export type Loss = 'connect-failed' | 'reset' | 'stale' | 'bad-response';

/** Who has a connection whose protocol was switched: bytes pass as they are. */
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
  /** The addresses that the host's name stands for; undefined when `host` is an address. */
  readonly addresses: HostAddresses | undefined;
  /** How long it may take to connect: each address has its share, and the last one all that is left. */
  readonly connectTimeoutMs: number;
  /** How to verify it; undefined for a plain connection. */
  readonly tls: { readonly servername: string; readonly ca: string | undefined; readonly rejectUnauthorized: boolean } | undefined;
}
