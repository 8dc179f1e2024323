// What a site's routes do with a request, compiled once: forward it to one of several pools, redirect it, or answer it.
// The index of an action is that of its route.

import type { Random } from '../../routing/random.js';
import { Split } from '../../routing/split.js';
import type { SiteRoute } from '../../site-model.js';
import type { ClientSide } from '../client/client-side.js';
import type { Scheme } from '../wire/authority.js';
import { compileForwardPlan, type ForwardPlan } from '../wire/forward-plan.js';
import { compileHeaderEdit } from '../wire/header-edit.js';
import type { AnswerCode } from '../wire/answers.js';
import { type OwnBodies, prepareFixed, type PreparedAnswer, prepareRedirect } from '../wire/prepared-answers.js';
import { compileRedirect, type Redirect } from '../wire/redirect.js';

/** A request goes to a pool: `pools[split.next()]`, changed as the plan says. */
export interface ForwardAction {
  readonly kind: 'forward';
  readonly pools: readonly string[];
  readonly split: Split;
  readonly plan: ForwardPlan;
}

/** A request is answered here. */
export interface AnswerAction {
  readonly kind: 'answer';
  readonly answer: PreparedAnswer;
  /** Of a redirect; undefined: the answer has no location. */
  readonly redirect: Redirect | undefined;
}

/** What happens to a request. */
export type CompiledAction = ForwardAction | AnswerAction;

/** Compiles the actions of all routes. @param random where splits begin */
export function compileActions(routes: readonly SiteRoute[], random: Random): readonly CompiledAction[] {
  return routes.map((route): CompiledAction => {
    const { action, headers } = route;
    if (action.kind === 'forward') {
      const weights = action.to.map(({ weight }) => weight);
      const pools = action.to.map(({ pool }) => pool);
      return { kind: 'forward', pools, split: new Split(weights, random), plan: compileForwardPlan(route) };
    }
    const edit = compileHeaderEdit(headers.response, 'response');
    if (action.kind === 'respond') return { kind: 'answer', answer: prepareFixed(action, edit), redirect: undefined };
    return { kind: 'answer', answer: prepareRedirect(action.status, edit), redirect: compileRedirect(action) };
  });
}

/** Answers a request as its route says; a redirect to nowhere, since the client named no valid host, is a 400. */
export function answerByRoute(client: ClientSide, { answer, redirect }: AnswerAction, scheme: Scheme): void {
  if (redirect === undefined) {
    client.answerWith(answer);
    return;
  }
  const { host, target } = client.head;
  const location = redirect(scheme, host, target);
  if (location === undefined) client.answer('MEERCAT_BAD_REQUEST');
  else client.answerWith(answer, location);
}

/** Sends one of our own answers, with the body that the request's pool has for it. */
export function answerOwn(client: ClientSide, code: AnswerCode, bodies: OwnBodies): void {
  const prepared = bodies.get(code);
  if (prepared === undefined) client.answer(code);
  else client.answerWith(prepared);
}
