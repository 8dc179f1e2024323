// Explains why a request went to its host, for `meercat why`: a past request from the pick log, a hypothetical one by a
// dry-run pick. It changes nothing that a real request would notice.

import type { Clock } from '../../clock.js';
import type { Explanation, WhyAnswer, WhyQuestion } from '../../explanation.js';
import { createPolicy } from '../../routing/policy.js';
import type { Random } from '../../routing/random.js';
import type { SlotHost } from '../../table/slots.js';
import { expectedCost } from '../../table/class-costs.js';
import type { ExchangeContext } from './exchange.js';
import { pick } from './pick.js';
import { ANSWERS } from '../wire/answers.js';
import { whyRefused } from '../wire/refusal-reasons.js';
import { type HeadRules, isRefusal, readRequestHead } from '../wire/request-head.js';
import { type KeptFailures, FailureLog } from '../log/failure-log.js';
import { type NameOf, PickLog, requestIdOf } from '../log/pick-log.js';

/** Size of the dry runs' own pick log: each run needs only its own request. */
const DRY_REQUESTS = 16;

/** Dependencies of the explainer. */
export interface ExplainerOptions {
  readonly context: ExchangeContext;
  readonly random: Random;
  readonly clock: Clock;
  /** What requests are refused by. */
  readonly rules: HeadRules;
}

/** Answers for one balancer. */
export class Explainer {
  readonly #options: ExplainerOptions;
  readonly #hosts: { name: string; sinceMs: number }[] = [];
  readonly #dryLog: PickLog;
  readonly #noFailures = new FailureLog(1);

  constructor(options: ExplainerOptions) {
    this.#options = options;
    this.#dryLog = new PickLog(DRY_REQUESTS);
  }

  /** A host has taken this slot. The previous host of the slot can't be named any more. */
  hostCame({ slot, name }: SlotHost): void {
    const before = this.#hosts[slot];
    if (before?.name !== name)
      this.#hosts[slot] = { name, sinceMs: before === undefined ? Number.NEGATIVE_INFINITY : this.#options.clock() };
  }

  /** Answers at once. */
  answer(question: WhyQuestion): WhyAnswer {
    return 'id' in question
      ? this.#explain(question.id)
      : { status: 'explained', explanation: this.#dryRun(question.method, question.target) };
  }

  #explain(id: string): WhyAnswer {
    const { ids } = this.#options.context;
    if (ids === undefined) return { status: 'log-off' };
    const [prefix, digits = ''] = id.split('-');
    const request = Number.parseInt(digits, 36);
    // Only the canonical form is accepted: 01 is not 1.
    if (prefix !== ids.prefix || !(request >= 1 && request <= ids.log.lastRequest) || requestIdOf(ids, request) !== id)
      return { status: 'unknown' };
    const failed = ids.failures.get(request);
    const explanation = this.#read(ids.log, request, id, failed) ?? (failed && this.#readFailed(failed, id));
    if (explanation === undefined) return { status: 'forgotten' };
    if (explanation.picks.length > 0 || failed !== undefined) return { status: 'explained', explanation };
    return { status: ids.log.hadPicks(request) ? 'forgotten' : 'unpicked' };
  }

  #dryRun(method: string, target: string): Explanation {
    const { context, random, clock, rules } = this.#options;
    const { classes, costs, policy } = context;
    const refused = refusalOf(method, target, rules);
    if (refused !== undefined) return this.#readFailed({ atMs: clock(), className: '', ...refused }, null);
    const classId = classes.idOf(method, target);
    const cost = expectedCost(costs, classId);
    const nowMs = clock();
    const log = this.#dryLog;
    const request = log.open(nowMs, classes.name(classId) ?? '', cost, (costs.classCost[classId] as number) > 0);
    // A policy of its own, so that round-robin does not advance.
    pick(
      { ...context, policy: createPolicy(policy.algorithm, random, log), ids: { log, failures: this.#noFailures, prefix: '' } },
      nowMs,
      -1,
      cost,
      request,
      1,
      context.hosts.turns.isLongLived(classId),
    );
    return this.#read(log, request, null, undefined) as Explanation;
  }

  #read(log: PickLog, request: number, id: string | null, failed: KeptFailures | undefined): Explanation | undefined {
    const kept = log.request(request);
    if (kept === undefined) return undefined;
    return {
      id,
      at: this.#timeOf(kept.atMs),
      className: kept.className,
      costMs: Math.round(kept.cost * 100) / 100,
      isCostKnown: kept.isCostKnown,
      picks: log.picksOf(request, this.#nameOf),
      code: failed?.code ?? '',
      failures: failed?.failures ?? [],
    };
  }

  /** A failed request without picks: they are forgotten, as failures are kept longer, or there were none. */
  #readFailed({ atMs, className, code, failures }: KeptFailures, id: string | null): Explanation {
    return { id, at: this.#timeOf(atMs), className, costMs: 0, isCostKnown: false, picks: [], code, failures };
  }

  #timeOf(atMs: number): string {
    return new Date(Date.now() - (this.#options.clock() - atMs)).toISOString();
  }

  readonly #nameOf: NameOf = (slot, atMs) => {
    const host = this.#hosts[slot];
    return host === undefined || host.sinceMs > atMs ? null : host.name;
  };
}

/** Why a request with this method and target, and with nothing else that is wrong, is refused; undefined if it is not. */
function refusalOf(method: string, target: string, rules: HeadRules): Pick<KeptFailures, 'code' | 'failures'> | undefined {
  const head = `${method} ${target} HTTP/1.1\r\nHost: why\r\n\r\n`;
  const read = readRequestHead(head, rules);
  if (!isRefusal(read)) return undefined;
  const reason = `status ${ANSWERS[read.code].status}, ${whyRefused(read, head, rules)}`;
  return { code: read.code, failures: [{ attempt: 0, host: null, outcome: 'refused', reason }] };
}
