// The site as requests see it: the compiled router, and for each route what it does. Immutable; a new site replaces it as a
// whole, between two requests.

import { REFUSED_PATH, type Router } from '../../routing/router.js';
import type { Site } from '../../site-model.js';
import type { ClientSide } from '../client/client-side.js';
import type { RoutedBy } from '../log/pick-log.js';
import type { AnswerCode } from '../wire/answers.js';
import { schemeOf } from '../wire/client-scheme.js';
import type { CompiledAction } from './route-actions.js';
import type { RouteLimit } from './route-limit.js';

/** One route. */
export interface CompiledRoute<Pool> {
  readonly by: RoutedBy;
  readonly action: CompiledAction;
  /** Undefined: as many requests as come. */
  readonly limit: RouteLimit | undefined;
  /** The pools that it leads to, in the order of the action's. */
  readonly pools: readonly Pool[];
}

/** A site. */
export interface CompiledSite<Pool> {
  readonly version: number;
  /** As it was written, for explanations. */
  readonly site: Site;
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
  return unroutedOf(index);
}

/** Why the router found no route. @param index what it gave; negative */
export function unroutedOf(index: number): Unrouted {
  return index === REFUSED_PATH ? AMBIGUOUS : UNROUTED;
}

/** Whether it is a route. */
export function isRoute<Pool>(found: CompiledRoute<Pool> | Unrouted): found is CompiledRoute<Pool> {
  return 'action' in found;
}
