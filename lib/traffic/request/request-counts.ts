// What a request adds, at its end, to the figures of its pool and to the slowest requests. Additions to the shared table
// only; the fleet thread makes rates and quantiles of them.

import type { OwnSlowRequest } from '../../fleet-figures.js';
import { isGrpcFailure } from '../../routing/ejection.js';
import { type Count, GRPC_COUNTERS } from '../../table/counters.js';
import { NO_POOL_INDEX, recordAnswer } from '../../table/traffic-cells.js';
import type { ClientSide } from '../client/client-side.js';
import type { ExchangeContext } from './exchange-context.js';
import { grpcStatusOf, judgedStatus } from './grpc-call.js';
import type { LoggedOutcome, Story } from './story.js';

/** Counts the end of a request, once. @param isFault whether a bug of ours ended it */
export function countEnd(
  { columns, index }: Pick<ExchangeContext, 'columns' | 'index'>,
  client: ClientSide,
  story: Story,
  nowMs: number,
  isFault: boolean,
): void {
  const { head, status, bytesIn, bytesOut } = client;
  const { startedMs, attempt, pool } = story;
  const isError = isFault || isFailed(story, client);
  // How long an upgrade or a stream lasts is its client's choice.
  const durationMs = attempt?.isProvenLong === true ? Number.NaN : nowMs - startedMs;
  recordAnswer(columns, pool === '' ? NO_POOL_INDEX : index, head.method, status, isError, durationMs, bytesIn, bytesOut);
}

/** Counts the status with which a call of gRPC ended; other requests, and calls whose client got none, are not counted. */
export function countCall(count: Count, story: Story, { code }: ClientSide): void {
  if (story.call === undefined) return;
  const counter = GRPC_COUNTERS[grpcStatusOf(story, code)];
  if (counter !== undefined) count(counter);
}

/** Whether the client lacks what it asked for, without its own fault: a deadline that has passed is its choice. */
function isFailed(story: Story, { code, status }: ClientSide): boolean {
  if (story.outcome === 'deadline') return false;
  if (judgedStatus(story, code, status) >= 500 || isHostFailure(story.outcome)) return true;
  return story.call !== undefined && code === '' && isGrpcFailure(grpcStatusOf(story, code));
}

/** Whether a host spoilt the request, whatever the client got before. */
function isHostFailure(outcome: LoggedOutcome): boolean {
  return (
    outcome === 'connect-failed' || outcome === 'reset' || outcome === 'timeout' || outcome === 'bad-response' || outcome === 'unprocessed'
  );
}

/** A request that ended now, as one of the slowest. */
export function slowRequestOf(
  { startedMs, pool, attempt }: Story,
  { requestId: id, status }: ClientSide,
  className: string,
  nowMs: number,
): OwnSlowRequest {
  return { id, atMs: Date.now(), durationMs: nowMs - startedMs, className, pool, host: attempt?.host.name ?? '', status };
}
