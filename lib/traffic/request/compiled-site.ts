// The site as requests see it: the compiled router, and for each route the pools that it leads to. Immutable; a new site
// replaces it as a whole, between two requests.

import { REFUSED_PATH, type Router } from '../../routing/router.js';
import type { Split } from '../../routing/split.js';
import type { ClientSide } from '../client/client-side.js';
import type { AnswerCode } from '../wire/answers.js';
import { schemeOf } from '../wire/scheme.js';

/** One route. */
export interface CompiledRoute<Pool> {
  /** The line of the document where it begins. */
  readonly line: number;
  /** The pools that it leads to, and how requests are split among them; one pool needs no split. */
  readonly pools: readonly Pool[];
  readonly split: Split | null;
}

/** A site. */
export interface CompiledSite<Pool> {
  readonly version: number;
  readonly router: Router;
  readonly routes: readonly CompiledRoute<Pool>[];
}

/** Why no route is taken. */
export interface Unrouted {
  readonly code: AnswerCode;
  readonly counter: 'requests_without_route' | 'refused_ambiguous_path';
  readonly reason: string;
}

const UNROUTED: Unrouted = { code: 'MEERCAT_NO_ROUTE', counter: 'requests_without_route', reason: 'no route of the site fits' };
const AMBIGUOUS: Unrouted = {
  code: 'MEERCAT_BAD_REQUEST',
  counter: 'refused_ambiguous_path',
  reason: 'the path is one that a host might read differently (paths: strict)',
};

/** The route of a request. */
export function routeOf<Pool>({ router, routes }: CompiledSite<Pool>, { head, facts }: ClientSide): CompiledRoute<Pool> | Unrouted {
  const index = router.find(head, schemeOf(facts, head.headers));
  if (index >= 0) return routes[index] as CompiledRoute<Pool>;
  return index === REFUSED_PATH ? AMBIGUOUS : UNROUTED;
}

/** Whether it is a route. */
export function isRoute<Pool>(found: CompiledRoute<Pool> | Unrouted): found is CompiledRoute<Pool> {
  return 'pools' in found;
}

/** The pool of the next request on this route. */
export function nextPool<Pool>({ pools, split }: CompiledRoute<Pool>): Pool {
  return pools[split === null ? 0 : split.next()] as Pool;
}
