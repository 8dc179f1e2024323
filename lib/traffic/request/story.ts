// The access record of a request: its data is gathered during the exchange and written at the end.

import type { OutcomeKind } from '../../routing/retry.js';
import type { AccessRecord } from '../log/access-log.js';
import { type AnswerCode, lengthOf, statusOf } from '../wire/answers.js';
import type { RoutedBy } from '../log/pick-log.js';
import type { Attempt } from './attempt.js';
import type { ClientSide } from '../client/client-side.js';
import { type GrpcCall, grpcStatusOf } from './grpc-call.js';
import { clientAddressOf } from './logged-client.js';
import { NO_GRPC_STATUS } from '../wire/grpc.js';
import type { ClientFacts } from '../wire/headers.js';

/**
 * The outcome in the access log: that of the last attempt; `answered` when the site gives the answer; `refused` without one; `client-failed` when the client was
 * given up because its body was late, malformed, or too long. docs/http.md lists them.
 */
export type LoggedOutcome = OutcomeKind | 'answered' | 'refused' | 'client-failed';

/** The data gathered during an exchange; times are of the process's clock. */
export interface Story {
  readonly startedMs: number;
  /** Undefined without a site, and while no route fits. */
  readonly routedBy: RoutedBy | undefined;
  /** The pool that the request belongs to; empty: none. */
  readonly pool: string;
  /** How long the request waited for room on a host. */
  queuedMs: number;
  attempts: number;
  /** The last attempt. */
  attempt: Attempt | undefined;
  outcome: LoggedOutcome;
  /** The call of gRPC that the request is; undefined: it is none. */
  readonly call: GrpcCall | undefined;
  /** The last failure or refusal, in a few words; empty when nothing went wrong. */
  reason: string;
}

/** The access record of a request that ends now. */
export function recordOf(story: Story, client: ClientSide, nowMs: number, isTrusted: (address: string) => boolean): AccessRecord {
  const { attempt, startedMs, queuedMs } = story;
  const { head, facts } = client;
  return {
    id: client.requestId,
    clientAddress: clientAddressOf(facts, head.headers, isTrusted),
    peerAddress: facts.peer,
    isTls: facts.isTls,
    method: head.method,
    target: head.target,
    httpVersion: head.version,
    host: head.host ?? '',
    userAgent: valueOf(head.headers, 'user-agent'),
    referer: valueOf(head.headers, 'referer'),
    status: client.status,
    grpcStatus: grpcStatusOf(story, client.code),
    bytesIn: client.bytesIn,
    bytesOut: client.bytesOut,
    startedEpochMs: Date.now() - (nowMs - startedMs),
    queueMs: queuedMs,
    connectMs: attempt === undefined ? Number.NaN : attempt.connectedAtMs - attempt.startedAtMs,
    firstByteMs: attempt === undefined ? Number.NaN : attempt.firstByteAtMs - startedMs,
    totalMs: nowMs - startedMs,
    routeLine: story.routedBy?.line ?? 0,
    pool: story.pool,
    hostName: attempt?.host.name ?? '',
    attempts: story.attempts,
    outcome: story.outcome,
    code: client.code,
    reason: story.reason,
  };
}

/**
 * The access record of input that was refused before it became a request: only the request line is known, if any.
 * @param line its first line
 */
export function refusedRecordOf(
  { address, peer, isTls }: ClientFacts,
  code: AnswerCode,
  line: string,
  reason: string,
  id: string,
): AccessRecord {
  const [, method = '', target = '', minor] = /^(\S+) (\S+) HTTP\/1\.(\d)$/.exec(line) ?? [];
  return {
    id,
    clientAddress: address,
    peerAddress: peer,
    isTls,
    method,
    target,
    httpVersion: minor === '0' ? '1.0' : '1.1',
    host: '',
    userAgent: '',
    referer: '',
    status: statusOf(code),
    grpcStatus: NO_GRPC_STATUS,
    bytesIn: 0,
    bytesOut: lengthOf(code),
    startedEpochMs: Date.now(),
    queueMs: Number.NaN,
    connectMs: Number.NaN,
    firstByteMs: Number.NaN,
    totalMs: 0,
    routeLine: 0,
    pool: '',
    hostName: '',
    attempts: 0,
    outcome: 'refused',
    code,
    reason,
  };
}

function valueOf(headers: readonly string[], name: string): string {
  for (let i = 0; i < headers.length; i += 2) if ((headers[i] as string).toLowerCase() === name) return headers[i + 1] as string;
  return '';
}
