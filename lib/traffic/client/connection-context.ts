// What the connections of all clients share: the rules that they are held to, and whom they tell of requests, of what was
// refused, and of their end.

import type { Clock } from '../../clock.js';
import type { Deadlines } from '../../deadlines.js';
import type { Count } from '../../table/counters.js';
import type { AnswerCode } from '../wire/answers.js';
import type { ClientFacts } from '../wire/headers.js';
import type { HeadRules, RequestHead } from '../wire/request-head.js';
import type { PatienceRules } from './client-patience.js';

/** What all connections share. */
export interface ConnectionContext<Connection> {
  readonly rules: HeadRules & PatienceRules;
  readonly clock: Clock;
  readonly count: Count;
  readonly deadlines: Deadlines;
  /** Whether the balancer is stopping: connections end with their present answer. */
  readonly isStopping: () => boolean;
  /** A plain request has begun: its lane must become `present` before it is carried through. */
  readonly onRequest: (connection: Connection, head: RequestHead) => void;
  /** A request offers another protocol: the connection is to be taken over with `leave`. */
  readonly onUpgrade: (connection: Connection, head: RequestHead) => void;
  /** Headers or trailers of a request were left out because of their names. */
  readonly onNamesDropped: (facts: ClientFacts, names: readonly string[]) => void;
  /** Whether anybody wants to know why a client is refused: reasons are looked for only then. */
  readonly isReasonWanted: boolean;
  /** What came was refused before it became a request. @param line the first line of it */
  readonly onRefused: (facts: ClientFacts, code: AnswerCode, line: string, reason: string) => void;
  /** A client that had not sent a byte of a request was given up. */
  readonly onSilent: (facts: ClientFacts, reason: string) => void;
  readonly onClosed: (connection: Connection) => void;
  /** A fault of our own, which costs this connection. */
  readonly onFault: (error: unknown) => void;
}
