// The compiled router finds what its rules say, over random sites and requests: compared with a naive reference.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findNaively } from '../../lib/lab/naive-router.js';
import { compileRouter } from '../../lib/routing/router.js';
import { routableRequest, routeMatch } from '../support/arbitrary-routes.js';
import { routeOf } from '../support/site-routes.js';

const test = suite('router, property');

test('it finds what the reference finds, in 1,000 sites with 20 requests each', () => {
  let found = 0;
  fc.assert(
    fc.property(
      fc.array(routeMatch, { maxLength: 12, size: 'max' }),
      fc.constantFrom('as-written' as const, 'strict' as const),
      fc.array(routableRequest, { minLength: 20, maxLength: 20 }),
      fc.constantFrom('http' as const, 'https' as const),
      (matches, paths, requests, scheme) => {
        const site = { paths, routes: matches.map((each) => routeOf(each)) };
        const router = compileRouter(site);
        for (const each of requests) {
          const route = router.find(each, scheme);
          assert.is(route, findNaively(site, each, scheme), JSON.stringify(each));
          if (route >= 0) found++;
        }
      },
    ),
    { numRuns: 1000 },
  );
  // The cases are worth something only if routes are found.
  assert.ok(found > 4000, String(found));
});

test.run();
