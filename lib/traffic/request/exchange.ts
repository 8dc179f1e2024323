// A request's story, whatever lane its bytes take: pick, forward, record; once more on another host if
// that is allowed; else an answer of our own. Told in one place, from top to bottom.

import type { Policy } from '../../model.js';
import { mayRetry, type OutcomeKind } from '../../routing/retry.js';
import type { RequestClasses } from '../../routing/request-classes.js';
import type { RetryBudget } from '../../routing/retry-budget.js';
import { expectedCost } from '../../table/class-costs.js';
import type { TrafficTimeouts } from '../../config/traffic-config.js';
import type { AccessLog } from '../log/access-log.js';
import type { AnswerCode } from '../wire/answers.js';
import { Attempt } from './attempt.js';
import type { AttemptContext } from './attempt-context.js';
import type { ClientSide, Outcome } from '../client/client-side.js';
import { hasPassed } from '../wire/headers.js';
import type { Host } from '../host/host.js';
import { pick, type PickContext } from './pick.js';
import { requestIdOf } from '../log/pick-log.js';
import { type LoggedOutcome, recordOf, type Story } from './story.js';

/** What the story needs; one for all requests of a balancer. */
export interface ExchangeContext extends AttemptContext, PickContext {
  readonly classes: RequestClasses;
  /** What a request of each class costs (ms of CPU); NaN when not known. */
  readonly classCost: Float64Array;
  readonly budget: RetryBudget;
  readonly timeouts: Pick<TrafficTimeouts, 'connectTimeoutMs' | 'responseTimeoutMs' | 'tunnelTimeoutMs' | 'queueTimeoutMs'>;
  /** Whether the process is short of memory: new requests are refused. */
  readonly memory: { readonly isOver: boolean };
  readonly accessLog: AccessLog | undefined;
  /** Replaced as a whole when an operator sets another algorithm. */
  policy: Policy;
}

/** Carries one request through. Rejects only for a bug of ours; nothing is in flight then, and the client is not answered. */
export async function exchange(context: ExchangeContext, client: ClientSide): Promise<void> {
  const { count, clock, pool, classes, classCost, ids } = context;
  let nowMs = clock();
  const story: Story = { startedMs: nowMs, queuedMs: 0, attempts: 0, attempt: undefined, outcome: 'refused' };
  count('requests');
  context.budget.onRequest(nowMs);
  let failure = refusalOf(context, client);
  let lastWrong: AnswerCode = 'MEERCAT_NO_HOST';
  let excluded = -1;
  /** NaN until the request waits for a host. */
  let queueDeadlineMs = Number.NaN;
  const classId = classes.classOf(client.head.method, client.head.target);
  const cost = expectedCost({ classCost, fleet: context.view.fleet }, classId);
  const request = ids === undefined ? 0 : ids.log.open(nowMs, classes.name(classId) ?? '', cost, (classCost[classId] as number) > 0);
  while (failure === undefined) {
    const host = pick(context, nowMs, excluded, cost, request, story.attempts + 1);
    if (host === undefined) {
      if (story.attempts === 0) count('requests_refused_no_host');
      failure = lastWrong;
      break;
    }
    if (!pool.hasRoom(host)) {
      const waitsFromMs = nowMs;
      const isFirstWait = Number.isNaN(queueDeadlineMs);
      // What a request waits altogether is bounded, however often it waits.
      if (isFirstWait) queueDeadlineMs = nowMs + context.timeouts.queueTimeoutMs;
      // oxlint-disable-next-line no-await-in-loop -- a host with its full number is waited for
      const turn = await waitFor(context, client, host, queueDeadlineMs, isFirstWait);
      nowMs = clock();
      story.queuedMs += nowMs - waitsFromMs;
      if (turn === 'again') continue;
      if (turn === 'refused') {
        if (client.isGone) story.outcome = goneFrom(context, client);
        else failure = 'MEERCAT_BUSY';
        break;
      }
    }
    const attempt = new Attempt(context, client, host, classId, cost, nowMs);
    story.attempt = attempt;
    story.attempts++;
    pool.begin(host, attempt);
    let outcome: Outcome;
    try {
      // oxlint-disable-next-line no-await-in-loop -- the second attempt depends on how the first one ended
      outcome = await client.carry(attempt);
    } catch (error) {
      // A bug of ours: the request ends with it, and must not stay in flight. It says nothing of the host.
      attempt.onClientGone();
      pool.end(host, attempt, 'client-gone', 0);
      throw error;
    }
    pool.end(host, attempt, outcome.kind, outcome.status);
    story.outcome = outcome.kind;

    if (outcome.kind === 'ok') break;
    if (outcome.kind === 'client-gone') {
      story.outcome = goneFrom(context, client);
      break;
    }
    lastWrong = codeOf(outcome.kind);
    if (!mayTryAgain(context, client, outcome, story.attempts)) failure = lastWrong;
    excluded = host.slot;
    nowMs = clock();
  }
  if (failure !== undefined) {
    count('requests_failed');
    if (!client.hasStarted) client.answer(failure);
  }
  context.accessLog?.write(recordOf(story, client, clock(), ids === undefined ? '' : requestIdOf(ids, request)));
}

/**
 * Waits for room on a host, if not too many wait already. A client that has gone ends the waiting too. Whoever is let in
 * may find that the host is no longer to be used, or that somebody was quicker: then another pick is made.
 */
async function waitFor({ count, clock, pool }: ExchangeContext, client: ClientSide, host: Host, deadlineMs: number, isFirst: boolean): Promise<'room' | 'again' | 'refused'> {
  const { queue } = host;
  if (queue.isFull) {
    count('refused_queue_full');
    return 'refused';
  }
  if (isFirst) count('requests_queued');
  const end = clock() < deadlineMs ? await queue.wait(deadlineMs, () => !client.isGone) : 'timeout';
  const isUsable = pool.isCandidate(host, clock());
  // Whoever leaves without using the room hands it on.
  if (end === 'room' && client.isGone && isUsable && pool.hasRoom(host)) queue.letIn();
  if (client.isGone) return 'refused';
  if (end === 'timeout') {
    count('timeouts_queue');
    return 'refused';
  }
  return end === 'room' && isUsable && pool.hasRoom(host) ? 'room' : 'again';
}

function goneFrom({ count }: ExchangeContext, { hasFailed }: ClientSide): LoggedOutcome {
  count('requests_client_gone');
  return hasFailed ? 'client-failed' : 'client-gone';
}

/** Why a request is not even tried. */
function refusalOf({ count, memory, pseudonym }: ExchangeContext, { head }: ClientSide): AnswerCode | undefined {
  if (memory.isOver) {
    count('refused_memory');
    return 'MEERCAT_OVERLOADED';
  }
  if (hasPassed(head, pseudonym)) {
    count('refused_loop');
    return 'MEERCAT_LOOP';
  }
  if (head.droppedNames > 0) count('header_names_dropped', head.droppedNames);
  return undefined;
}

/** Whether one other host may be tried, by the rule and by the budget. */
function mayTryAgain({ budget, clock, count }: ExchangeContext, client: ClientSide, { kind, hasStarted }: Outcome, attempts: number): boolean {
  const { method, framing } = client.head;
  if (!mayRetry({ outcome: kind, hasStarted, method, hasBody: framing !== 'none', isBodyTaken: client.isBodyTaken, attempts })) return false;
  if (!budget.mayRetry(clock())) {
    count('retries_denied_budget');
    return false;
  }
  count('requests_retried');
  count(kind === 'connect-failed' ? 'retries_connect_failed' : kind === 'reset' ? 'retries_reset' : 'retries_bad_response');
  return true;
}

function codeOf(kind: OutcomeKind): AnswerCode {
  if (kind === 'timeout') return 'MEERCAT_HOST_TIMEOUT';
  return kind === 'bad-response' ? 'MEERCAT_BAD_RESPONSE' : 'MEERCAT_HOST_UNREACHABLE';
}
