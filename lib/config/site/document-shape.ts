// The shape of a whole site document: each key with what it may be. The reader and the JSON Schema both come from here;
// how keys depend on one another is in build-pools.ts and build-routes.ts.

import { MAX_SITE_POOLS, MAX_SITE_ROUTES } from './limits.js';
import { POOL_SHAPE } from './pool-shape.js';
import { code } from './problems.js';
import { ROUTE_SHAPE } from './route-shape.js';
import { list, needed, object, optional, record } from './shapes.js';
import { POOL_KEYS } from './shared-shapes.js';
import { choice, numberChoice } from './value-shapes.js';

/** The version of documents that this Meercat reads. */
export const SITE_VERSION = 1;

/** The whole document. */
export const SITE_SHAPE = object({
  version: needed(numberChoice([SITE_VERSION]), `The version of the format: ${SITE_VERSION}.`),
  paths: optional(
    choice(['as-written', 'strict']),
    'How paths are read: strict refuses those that a host might read differently. Default: as-written.',
    'as-written' as const,
  ),
  pools: optional(
    record(POOL_KEYS, POOL_SHAPE, { min: 0, max: MAX_SITE_POOLS }, (name) => `pool ${code(name)}`),
    'The pools by name. `default` always exists.',
    [],
  ),
  routes: optional(
    list(ROUTE_SHAPE, { min: 0, max: MAX_SITE_ROUTES }, (index) => `route ${index + 1}`),
    'The routes. Default: everything goes to the only POOL_SHAPE, or else to `default`.',
    [],
  ),
});

/** A document that has the shape. */
export type SiteDocument = NonNullable<ReturnType<typeof SITE_SHAPE.read>>;
