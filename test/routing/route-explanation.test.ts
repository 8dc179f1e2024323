// Why a route was taken: tables of reasons, and over random sites and requests that the explanation agrees with the router.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { explainRoute, type MatchPart, MAX_PASSED } from '../../lib/routing/route-explanation.js';
import { compileRouter, NO_ROUTE, type RoutableRequest } from '../../lib/routing/router.js';
import type { RouteMatch } from '../../lib/site-model.js';
import { routableRequest, routeMatch } from '../support/arbitrary-routes.js';
import { exactly, routeOf, under } from '../support/site-routes.js';

const test = suite('route explanation');

const REQUEST: RoutableRequest = { method: 'GET', target: '/v2/x?q=1', host: 'api.example.test:80', headers: ['X-Beta', '1'] };

/** The route of a request, as index and reasons. */
function explain(matches: readonly Partial<RouteMatch>[], request: Partial<RoutableRequest> = {}) {
  const site = { paths: 'as-written', routes: matches.map((match, i) => ({ ...routeOf(match), line: i + 10 })) } as const;
  const asked = { ...REQUEST, ...request };
  const index = compileRouter(site).find(asked, 'http');
  return { index, ...explainRoute(site, index, asked, 'http') };
}

const told = ({ part, how, wanted, found }: MatchPart): string => `${part} ${how} ${wanted} <- ${found}`;

test('each part of a match that decided is named, with what the site asks for and what the request has', () => {
  const { index, parts } = explain([
    {
      hosts: ['shop.test', '*.test', '*.example.test'],
      scheme: 'http',
      path: under('/v2'),
      methods: ['GET', 'HEAD'],
      headers: [{ name: 'x-beta', value: '1' }],
      query: [{ name: 'q', value: '1' }],
    },
  ]);
  assert.is(index, 0);
  assert.equal(parts.map(told), [
    'host wildcard *.example.test <- api.example.test',
    'path prefix /v2 <- /v2/x',
    'scheme exact http <- http',
    'method exact GET, HEAD <- GET',
    'header exact x-beta: 1 <- x-beta: 1',
    'query exact q=1 <- q=1',
  ]);
  assert.equal(explain([{}]).parts, []);
});

test('more specific routes that do not fit are told, those that fit the most first, each with the first part that fails', () => {
  const { index, passed, unlisted } = explain([
    { path: under('/v2') },
    { hosts: ['other.test'] },
    { path: exactly('/v2') },
    { path: under('/v2'), methods: ['POST'] },
    { path: under('/v2'), headers: [{ name: 'x-beta', value: '2' }] },
    { path: under('/v2'), headers: [{ name: 'x-none', value: '2' }] },
    // Less specific, so that it was not even tried.
    { path: under('/'), methods: ['PUT'] },
    { path: under('/v2'), query: [{ name: 'q', value: '2' }] },
  ]);
  assert.is(index, 0);
  assert.equal(
    passed.map(({ index: at, line, failed }) => [at, line, told(failed)]),
    [
      [7, 17, 'query exact q=2 <- q=1'],
      [4, 14, 'header exact x-beta: 2 <- x-beta: 1'],
      [5, 15, 'header exact x-none: 2 <- null'],
      [3, 13, 'method exact POST <- GET'],
      [2, 12, 'path exact /v2 <- /v2/x'],
    ],
  );
  assert.is(unlisted, 1);
});

test('without a route all are told, at most five, and the host that is missing is told as such', () => {
  const { index, passed, unlisted } = explain(
    Array.from({ length: 9 }, (_, i) => ({ hosts: [`h${i}.test`] })),
    { host: undefined },
  );
  assert.equal([index, passed.length, unlisted], [NO_ROUTE, MAX_PASSED, 9 - MAX_PASSED]);
  assert.is(told(passed[0]?.failed as MatchPart), 'host exact h0.test <- null');
  assert.is(
    told(explain([{ hosts: ['a', 'b', 'c', 'd', 'e', 'f'] }]).passed[0]?.failed as MatchPart),
    'host exact a, b, c, d and 2 more <- api.example.test',
  );
});

test('it agrees with the router on which routes fit, in 500 sites with 20 requests each', () => {
  let fitting = 0;
  fc.assert(
    fc.property(
      fc.array(routeMatch, { maxLength: 8, size: 'max' }),
      fc.array(routableRequest, { minLength: 20, maxLength: 20 }),
      fc.constantFrom('http' as const, 'https' as const),
      (matches, requests, scheme) => {
        const site = { paths: 'as-written' as const, routes: matches.map((each) => routeOf(each)) };
        const router = compileRouter(site);
        const alone = site.routes.map((route) => compileRouter({ paths: 'as-written', routes: [route] }));
        for (const each of requests) {
          const fits = alone.map((one) => one.find(each, scheme) === 0);
          assert.equal(
            site.routes.map((route) => explainRoute({ routes: [route] }, NO_ROUTE, each, scheme).passed.length === 0),
            fits,
            JSON.stringify(each),
          );
          const index = router.find(each, scheme);
          const { parts, passed, unlisted } = explainRoute(site, index, each, scheme);
          if (index >= 0) fitting++;
          else assert.equal([parts, passed.length + unlisted], [[], matches.length]);
          assert.not.ok(passed.some((route) => fits[route.index]));
        }
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(fitting > 2000, String(fitting));
});

test.run();
