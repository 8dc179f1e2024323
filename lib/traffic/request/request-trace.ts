// The trace of one sampled request: names a span for the request and for each attempt, and becomes a plain record at the
// request's end.

import { hostOrigin } from '../../health/host-address.js';
import type { TraceRecord, TracedAttempt } from '../../trace-records.js';
import type { ClientSide } from '../client/client-side.js';
import { traceLines } from '../wire/trace-context.js';
import type { Attempt } from './attempt.js';
import { recordOf, type Story } from './story.js';

/** The request's span, and the trace that it belongs to. */
export interface TraceIds extends Pick<TraceRecord, 'traceId' | 'spanId' | 'parentId' | 'state'> {
  /** What hosts get as the trace's flags. */
  readonly flags: number;
}

/** What traced requests share. */
export interface TraceSink {
  /** The id of one more span. */
  nextSpanId(): string;
  /** Takes a request that has ended. */
  add(record: TraceRecord): void;
  /** Whether an address is that of a proxy in --trust. */
  readonly isTrustedAddress: (address: string) => boolean;
}

/** One traced request. */
export class RequestTrace {
  readonly #tracer: TraceSink;
  readonly #ids: TraceIds;
  readonly #attempts: TracedAttempt[] = [];
  /** The span of the attempt that runs. */
  #spanId = '';

  constructor(tracer: TraceSink, ids: TraceIds) {
    this.#tracer = tracer;
    this.#ids = ids;
  }

  /** Begins an attempt; gives the lines by which its host learns the span that it belongs to. */
  beginAttempt(): string {
    const { traceId, flags, state } = this.#ids;
    this.#spanId = this.#tracer.nextSpanId();
    return traceLines(traceId, this.#spanId, flags, state);
  }

  /** The attempt has ended. @param startedMs of the request @param status of the host's answer; 0: none */
  endAttempt(attempt: Attempt, outcome: string, status: number, startedMs: number, nowMs: number): void {
    const { host, startedAtMs, connectedAtMs, firstByteAtMs, grpcStatus, reason } = attempt;
    this.#attempts.push({
      spanId: this.#spanId,
      host: host.name,
      origin: hostOrigin(host.target),
      isHttp2: host.http2 !== undefined,
      startedMs: startedAtMs - startedMs,
      endedMs: nowMs - startedMs,
      connectedMs: connectedAtMs - startedMs,
      firstByteMs: firstByteAtMs - startedMs,
      status,
      grpcStatus,
      outcome,
      reason,
    });
  }

  /** The request has ended. */
  end(story: Story, client: ClientSide, nowMs: number): void {
    const { traceId, spanId, parentId, state } = this.#ids;
    const { startedEpochMs, totalMs, target, ...record } = recordOf(story, client, nowMs, this.#tracer.isTrustedAddress);
    const { id, method, isTls, httpVersion, host, userAgent, clientAddress, peerAddress, status, grpcStatus } = record;
    const { routeLine, pool, outcome, code, reason, queueMs } = record;
    this.#tracer.add({
      traceId,
      spanId,
      parentId,
      state,
      startedEpochMs,
      endedEpochMs: startedEpochMs + totalMs,
      request: {
        ...{ id, method, path: pathOf(target), isTls, httpVersion, host, userAgent, clientAddress, peerAddress, status, grpcStatus },
        ...{ routeLine, pool, outcome, code, reason, queueMs },
      },
      attempts: this.#attempts,
    });
  }
}

function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}
