// What a request adds, at its end, to the figures of its pool and to the slowest requests. Additions to the shared table
// only; the fleet thread makes rates and quantiles of them.

import type { OwnSlowRequest } from '../../fleet-figures.js';
import { NO_POOL_INDEX, recordAnswer } from '../../table/traffic-cells.js';
import type { ClientSide } from '../client/client-side.js';
import type { ExchangeContext } from './exchange-context.js';
import type { LoggedOutcome, Story } from './story.js';

/** Counts the end of a request, once. @param isFault whether a bug of ours ended it */
export function countEnd(
  { columns, index }: Pick<ExchangeContext, 'columns' | 'index'>,
  { head, status, bytesIn, bytesOut }: ClientSide,
  { outcome, startedMs, attempt, pool }: Story,
  nowMs: number,
  isFault: boolean,
): void {
  const isError = isFault || status >= 500 || isHostFailure(outcome);
  // How long an upgrade or a stream lasts is its client's choice.
  const durationMs = attempt?.isProvenLong === true ? Number.NaN : nowMs - startedMs;
  recordAnswer(columns, pool === '' ? NO_POOL_INDEX : index, head.method, status, isError, durationMs, bytesIn, bytesOut);
}

/** Whether a host spoilt the request, whatever the client got before. */
function isHostFailure(outcome: LoggedOutcome): boolean {
  return outcome === 'connect-failed' || outcome === 'reset' || outcome === 'timeout' || outcome === 'bad-response';
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
