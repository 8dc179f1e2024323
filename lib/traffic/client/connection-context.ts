// What all clients' connections share: the rules, and the callbacks for requests, refusals and the end of a connection.
// One object for the life of the process.

import type { Clock } from '../../clock.js';
import type { Deadlines } from '../../deadlines.js';
import type { Count } from '../../table/counters.js';
import type { AnswerCode } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import type { HeadRules, RequestHead } from '../wire/request-head.js';
import type { PatienceRules } from './client-patience.js';

/** A client's connection, whatever its protocol, as a drain sees it. */
export interface ClientTransport {
  /** Whether a request is in progress. */
  readonly isBusy: boolean;
  /** When its last request ended (process's clock). */
  readonly idleSinceMs: number;
  /** Whether the connection has left HTTP: a tunnel uses it. */
  readonly hasLeft: boolean;
  /** The balancer stops: the connection takes no more requests than those that are on their way. */
  retire(): void;
  /** Ends the connection, with its last answers; further input is discarded. */
  close(): void;
  /** Ends the connection at once. */
  destroy(): void;
}

/** What all connections share. */
export interface ConnectionContext<Connection> {
  readonly rules: HeadRules & PatienceRules;
  readonly clock: Clock;
  readonly count: Count;
  readonly deadlines: Deadlines;
  /** Whether the balancer is stopping: connections end with their present answer. */
  readonly isStopping: () => boolean;
  /** A plain request has begun: its lane must become `present` before the exchange starts. */
  readonly onRequest: (connection: Connection, head: RequestHead) => void;
  /** A request offers another protocol: the callee takes the connection over with `leave`. */
  readonly onUpgrade: (connection: Connection, head: RequestHead) => void;
  /** Headers or trailers of a request were dropped because of their names. */
  readonly onNamesDropped: (facts: ClientFacts, names: readonly string[]) => void;
  /** Input was refused before it became a request; gives the id of the refusal. @param line its first line */
  readonly onRefused: (facts: ClientFacts, code: AnswerCode, line: string, reason: string) => string;
  /** A client was given up before it sent a byte of a request. */
  readonly onSilent: (facts: ClientFacts, reason: string) => void;
  readonly onClosed: (connection: Connection) => void;
  /** A fault of our own, which costs this connection. */
  readonly onFault: (error: unknown) => void;
}
