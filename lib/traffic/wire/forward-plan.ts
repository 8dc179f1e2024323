// How a route changes what is forwarded: the target, the fields of the request, those of the answer. Compiled once for a
// route and shared by its requests, so that lines that were composed for one connection can be used again.

import type { SiteRoute } from '../../site-model.js';
import { compileHeaderEdit, type HeaderEdit } from './header-edit.js';
import { compileRewrite, type TargetRewrite } from './rewrite.js';

/** The changes of one route; undefined: none. */
export interface ForwardPlan {
  readonly rewrite: TargetRewrite | undefined;
  readonly request: HeaderEdit | undefined;
  readonly response: HeaderEdit | undefined;
}

/** Nothing is changed. */
export const AS_IT_CAME: ForwardPlan = { rewrite: undefined, request: undefined, response: undefined };

/** Compiles the changes of a route; AS_IT_CAME if it has none. */
export function compileForwardPlan({ action, headers }: Pick<SiteRoute, 'action' | 'headers'>): ForwardPlan {
  const plan = {
    rewrite: action.kind === 'forward' && action.rewrite !== null ? compileRewrite(action.rewrite) : undefined,
    request: compileHeaderEdit(headers.request, 'request'),
    response: compileHeaderEdit(headers.response, 'response'),
  };
  return plan.rewrite === undefined && plan.request === undefined && plan.response === undefined ? AS_IT_CAME : plan;
}
