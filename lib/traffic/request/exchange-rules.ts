// What decides about a request in its exchange: why it is refused before any attempt, and whether it may be sent again.

import { mayRetry, type OutcomeKind } from '../../routing/retry.js';
import type { CounterName } from '../../table/counters.js';
import type { ClientSide } from '../client/client-side.js';
import type { AnswerCode } from '../wire/answers.js';
import type { ExchangeContext } from './exchange-context.js';

/** Why a request is refused before any attempt. */
export function refusalOf(
  { count, memory, pseudonym }: ExchangeContext,
  { head }: ClientSide,
): { readonly code: AnswerCode; readonly reason: string } | undefined {
  if (memory.isOver) {
    count('refused_memory');
    return { code: 'MEERCAT_OVERLOADED', reason: 'nearly all memory is used (--memory-limit)' };
  }
  if (head.passedBy?.includes(pseudonym) === true) {
    count('refused_loop');
    return { code: 'MEERCAT_LOOP', reason: `via names this balancer, ${pseudonym}` };
  }
  return undefined;
}

/** Whether a retry is allowed, by the rule and by the budget. @param isBodyTaken whether a part of the body can't be sent again */
export function mayTryAgain(
  { budget, clock, count, maxAttempts }: ExchangeContext,
  client: ClientSide,
  kind: OutcomeKind,
  isBodyTaken: boolean,
  attempts: number,
): boolean {
  const { method, framing } = client.head;
  if (
    !mayRetry({
      outcome: kind,
      hasStarted: client.hasStarted,
      method,
      hasBody: framing !== 'none',
      isBodyTaken,
      attempts,
      maxAttempts,
    })
  )
    return false;
  if (!budget.mayRetry(clock())) {
    count('retries_denied_budget');
    return false;
  }
  count('requests_retried');
  count(RETRIES[kind] as CounterName);
  return true;
}

/** The counters of retries, by what the attempt before ended with. */
const RETRIES: Readonly<Partial<Record<OutcomeKind, CounterName>>> = {
  'connect-failed': 'retries_connect_failed',
  reset: 'retries_reset',
  unprocessed: 'retries_unprocessed',
  'bad-response': 'retries_bad_response',
};
