// Explains why a request went to its host, for `meercat why`: a past request from the pick log, a hypothetical one by a
// dry-run pick. It changes nothing that a real request would notice.

import type { Clock } from '../../clock.js';
import type { AskedRequest, ExplainedRoute, Explanation, WhyAnswer, WhyQuestion } from '../../explanation.js';
import { prefixOf, requestIdOf } from '../../request-id.js';
import { createPolicy } from '../../routing/policy.js';
import type { Random } from '../../routing/random.js';
import { REFUSED_PATH } from '../../routing/router.js';
import { Split } from '../../routing/split.js';
import type { SiteRoute } from '../../site-model.js';
import type { SlotHost } from '../../table/slots.js';
import { expectedCost } from '../../table/class-costs.js';
import type { ExchangeContext } from './exchange-context.js';
import { pick } from './pick.js';
import { unroutedOf } from './compiled-site.js';
import { askedRoute, pastRoute } from './explained-route.js';
import { type AnswerCode, ANSWERS } from '../wire/answers.js';
import { type ClientFacts, clientFacts } from '../wire/headers.js';
import { schemeOf } from '../wire/client-scheme.js';
import { whyRefused } from '../wire/refusal-reasons.js';
import { type HeadRules, isRefusal, readRequestHead, type RequestHead } from '../wire/request-head.js';
import { type KeptFailures, FailureLog } from '../log/failure-log.js';
import { type NameOf, PickLog, type RequestIds } from '../log/pick-log.js';

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
    return 'id' in question ? this.#explain(question.id) : { status: 'explained', explanation: this.#dryRun(question) };
  }

  #explain(id: string): WhyAnswer {
    const { ids } = this.#options.context;
    const request = numberOf(ids, id);
    if (request === undefined) return { status: 'unknown' };
    const failed = ids.failures.get(request);
    const explanation = this.#read(ids.log, request, id, failed) ?? (failed && this.#readFailed(failed, id));
    if (explanation === undefined) return { status: 'forgotten' };
    if (explanation.picks.length > 0 || failed !== undefined || explanation.answered > 0) return { status: 'explained', explanation };
    return { status: ids.log.hadPicks(request) ? 'forgotten' : 'unpicked' };
  }

  #dryRun(asked: AskedRequest): Explanation {
    const { context, rules, clock, random } = this.#options;
    const head = headOf(asked, rules);
    if ('code' in head) return this.#readFailed({ atMs: clock(), ...head }, null);
    const { site } = context.routing;
    const isTrusted = asked.client !== undefined && context.isTrusted(asked.client);
    const facts = clientFacts(asked.client ?? '', 0, asked.scheme === 'https', isTrusted);
    if (site === undefined) return this.#pickIn(context, { head, facts }, null);
    const { router, routes } = site;
    const scheme = schemeOf(facts, head.headers);
    const index = router.find(head, scheme);
    const route = index === REFUSED_PATH ? null : askedRoute(site, index, head, scheme);
    const found = routes[index];
    if (found === undefined) return { ...this.#readFailed({ atMs: clock(), ...refusedBy(unroutedOf(index)) }, null), route };
    const { action, pools } = found;
    if (action.kind === 'answer') {
      const isNowhere = action.redirect !== undefined && route?.location === null;
      const failed = isNowhere ? refusedBy(NOWHERE) : { code: '', failures: [] };
      const answered = isNowhere ? 0 : action.answer.status;
      return { ...this.#readFailed({ atMs: clock(), ...failed }, null), route, answered };
    }
    // A split of its own, so that the turns of the real one do not advance.
    const pool = pools[new Split(weightsOf(site.site.routes[index]), random).next()] as ExchangeContext;
    return this.#pickIn(pool, { head, facts }, route);
  }

  /** What the pool would do with a request. */
  #pickIn(context: ExchangeContext, client: Dry, route: ExplainedRoute | null): Explanation {
    const { random, clock } = this.#options;
    const { method, target, upgrade } = client.head;
    const { classes, columns, policy, name, respond, affinity } = context;
    const nowMs = clock();
    if (respond !== undefined) {
      const unpicked = this.#readFailed({ atMs: nowMs, code: respond.code, failures: [] }, null);
      return { ...unpicked, route, pool: name, answered: respond.status };
    }
    const classId = classes.idOf(method, target);
    const cost = expectedCost(columns, classId);
    const log = this.#dryLog;
    const request = log.open(nowMs, classes.name(classId) ?? '', cost, (columns.classCost[classId] as number) > 0, name);
    // A policy of its own, so that round-robin does not advance.
    pick(
      { ...context, policy: createPolicy(policy.algorithm, random, log), ids: { log, failures: this.#noFailures, prefix: '' } },
      nowMs,
      -1,
      cost,
      request,
      1,
      upgrade !== undefined || context.hosts.turns.isLongLived(classId),
      affinity?.dryRun(client, log),
    );
    return { ...(this.#read(log, request, null, undefined) as Explanation), route };
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
      route: kept.routedBy === undefined ? null : pastRoute(kept.routedBy),
      pool: kept.pool,
      answered: kept.answered,
      picks: log.picksOf(request, this.#nameOf),
      code: failed?.code ?? '',
      failures: failed?.failures ?? [],
    };
  }

  /** A failed request without picks: they are forgotten, as failures are kept longer, or there were none. */
  #readFailed({ atMs, className = '', code, failures }: Unpicked, id: string | null): Explanation {
    const unknown = { costMs: 0, isCostKnown: false, route: null, pool: '', answered: 0, picks: [] };
    return { id, at: this.#timeOf(atMs), className, ...unknown, code, failures };
  }

  #timeOf(atMs: number): string {
    return new Date(Date.now() - (this.#options.clock() - atMs)).toISOString();
  }

  readonly #nameOf: NameOf = (slot, atMs) => {
    const host = this.#hosts[slot];
    return host === undefined || host.sinceMs > atMs ? null : host.name;
  };
}

/** The number of a request, by the id that this balancer or a trusted client gave it; undefined: none that is known had it. */
function numberOf({ log, failures, prefix }: RequestIds, id: string): number | undefined {
  if (prefixOf(id) === prefix) {
    const request = Number.parseInt(id.slice(prefix.length + 1), 36);
    // Only the canonical form is accepted: 01 is not 1.
    if (request >= 1 && request <= log.lastRequest && requestIdOf(prefix, request) === id) return request;
  }
  return log.numberOf(id) ?? failures.numberOf(id);
}

/** A request that is not sent. */
interface Dry {
  readonly head: RequestHead;
  readonly facts: ClientFacts;
}

/** Why a request is refused, as it is kept. */
type Refused = Pick<KeptFailures, 'code' | 'failures'>;

/** The head of a request that is asked for, as the parser reads it, or why it would be refused. */
function headOf({ method, target, host, headers = [] }: AskedRequest, rules: HeadRules): RequestHead | Refused {
  // Without a Host header only HTTP/1.0 is valid.
  const lines = host === undefined ? ['HTTP/1.0'] : ['HTTP/1.1', `Host: ${host}`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  const text = `${method} ${target} ${lines.join('\r\n')}\r\n\r\n`;
  const read = readRequestHead(text, rules);
  return isRefusal(read) ? refusedBy({ code: read.code, reason: whyRefused(read, text, rules) }) : read;
}

/** A request without picks; one that was asked for has no class. */
type Unpicked = Refused & Pick<KeptFailures, 'atMs'> & Partial<Pick<KeptFailures, 'className'>>;

function refusedBy({ code, reason }: { readonly code: AnswerCode; readonly reason: string }): Refused {
  return { code, failures: [{ attempt: 0, host: null, outcome: 'refused', reason: `status ${ANSWERS[code].status}, ${reason}` }] };
}

const NOWHERE = { code: 'MEERCAT_BAD_REQUEST', reason: 'the redirect needs a valid Host header' } as const;

function weightsOf(route: SiteRoute | undefined): number[] {
  return route?.action.kind === 'forward' ? route.action.to.map(({ weight }) => weight) : [];
}
