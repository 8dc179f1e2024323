// A request's story, whatever lane its bytes take: pick, forward, record; once more on another host if
// that is allowed; else an answer of our own. Told in one place, from top to bottom.

import type { Clock } from '../clock.js';
import type { HostView, Policy } from '../model.js';
import { mayRetry, type OutcomeKind } from '../routing/retry.js';
import type { Count } from '../table/counters.js';
import type { AnswerCode } from './answers.js';
import type { Host, HostPool } from './host-pool.js';

/** How one attempt ended. */
export interface Outcome {
  readonly kind: OutcomeKind;
  /** Whether anything of an answer was passed on to the client. */
  readonly hasStarted: boolean;
}

/** What a lane must provide for one request. */
export interface Lane {
  readonly method: string;
  readonly hasBody: boolean;
  /** Passes the request to the host and the answer back. Never rejects. */
  forward(host: Host): Promise<Outcome>;
  /** Sends an answer of our own; only called when nothing was passed on. */
  answer(code: AnswerCode): void;
}

/** What the story needs; one for all requests of a balancer. */
export interface ExchangeContext {
  readonly view: HostView;
  readonly pool: HostPool;
  readonly clock: Clock;
  readonly count: Count;
  /** Replaced as a whole when an operator sets another algorithm. */
  policy: Policy;
}

/** A slot whose host this thread has not been told of yet is passed over so many times. */
const MAX_PICKS = 4;

/** Carries one request through. Never rejects. */
export async function exchange(context: ExchangeContext, lane: Lane): Promise<void> {
  const { pool, count } = context;
  count('requests');
  let excluded = -1;
  let failure: AnswerCode = 'MEERCAT_NO_HOST';
  for (let attempts = 1; ; attempts++) {
    const host = pick(context, excluded);
    if (host === undefined) {
      count('requests_failed');
      if (attempts === 1) count('requests_refused_no_host');
      lane.answer(failure);
      return;
    }
    pool.begin(host);
    // oxlint-disable-next-line no-await-in-loop -- the second attempt depends on how the first one ended
    const outcome = await lane.forward(host);
    pool.end(host, outcome.kind);

    if (outcome.kind === 'ok') return;
    if (outcome.kind === 'client-gone') {
      count('requests_client_gone');
      return;
    }
    failure = codeOf(outcome.kind);
    const { method, hasBody } = lane;
    if (mayRetry({ outcome: outcome.kind, hasStarted: outcome.hasStarted, method, hasBody, attempts })) {
      count('requests_retried');
      excluded = host.slot;
      continue;
    }
    count('requests_failed');
    if (!outcome.hasStarted) lane.answer(failure);
    return;
  }
}

function pick(context: ExchangeContext, excluded: number): Host | undefined {
  for (let i = 0; i < MAX_PICKS; i++) {
    const slot = context.policy.pick(context.view, context.clock(), excluded);
    if (slot < 0) return undefined;
    const host = context.pool.get(slot);
    if (host !== undefined) return host;
  }
  return undefined;
}

function codeOf(kind: OutcomeKind): AnswerCode {
  if (kind === 'timeout') return 'MEERCAT_HOST_TIMEOUT';
  return kind === 'bad-response' ? 'MEERCAT_BAD_RESPONSE' : 'MEERCAT_HOST_UNREACHABLE';
}
