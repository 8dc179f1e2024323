// The interface of a host's side: what one request uses of a connection to its host, whatever protocol is spoken there.
// A connection of HTTP/1 is one; over HTTP/2 each stream is.

import type { Duplex } from 'node:stream';
import type { ClientFacts, RequestRules } from '../wire/headers.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ConnectionUser, TunnelSide } from './connection-user.js';

/** The host's side of one request. Its events go to the `ConnectionUser`, later to the `TunnelSide`. */
export interface HostSide {
  /** When the user's `onHostDeadline` is called, on the process clock; Infinity: never. Set by the user. */
  deadlineMs: number;
  /** Whether the connection is established: a head can be sent. If not, `onConnected` follows. */
  readonly isConnected: boolean;
  /** Whether none of the head's bytes has left this process. Valid only right after `sendHead`. */
  readonly hasRefusedWrite: boolean;
  /** Whether the host must catch up before more of the body can be sent: `onHostWritable` follows. */
  readonly isFull: boolean;
  /** Whether the answer is held back. */
  readonly isPaused: boolean;
  /** After `switchTo`: the bytes to the host, with the ends of both directions. Its input goes to the tunnel. */
  readonly way: Duplex;

  /** Begins the attempt to have this request answered. */
  use(user: ConnectionUser, head: RequestHead): void;
  /** Sends the head of the request. */
  sendHead(facts: ClientFacts, rules: RequestRules): void;
  /** The head was sent and a body follows: from now on, a failed write does not discard what the host has sent. */
  expectBody(): void;
  /**
   * Sends a part of the body.
   * @param bytes valid until the call returns
   * @returns false when the host must catch up first
   */
  sendBody(bytes: Buffer): boolean;
  /** Sends the end of the body. */
  endBody(trailers: readonly string[]): void;
  /** Holds back the answer, and lets it go on. */
  pause(): void;
  resume(): void;
  /**
   * Whether the connection can be reused after this request.
   * @param isSent whether all of the request was sent when the answer began
   */
  mayKeepAfter(isSent: boolean): boolean;
  /** Applies the host's `Keep-Alive: timeout=`. @param seconds Infinity when the host did not announce one */
  noteKeepAlive(seconds: number): void;
  /** Ends the attempt. @param mayBeUsedAgain false: the answer is incomplete, or the host may take what follows for a part of this request */
  release(mayBeUsedAgain: boolean): void;
  /** Hands all bytes after the present head to the tunnel: they are not HTTP. Call it from `onInformational`. */
  switchTo(tunnel: TunnelSide): void;
  /** Ends it at once. */
  destroy(): void;
}
