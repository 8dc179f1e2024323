// Random matches of routes and random requests, for the properties of the router. Invariant: names and values are few, so
// that several routes fit most requests.

import * as fc from 'fast-check';
import type { RoutableRequest } from '../../lib/routing/router.js';
import type { NameValue, RouteMatch } from '../../lib/site-model.js';

const label = fc.constantFrom('a', 'b', 'xn--a');
const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
const pattern = fc.oneof(
  name,
  name.map((each) => `*.${each}`),
  fc.constant('[::1]'),
);
const authority = fc
  .tuple(name, fc.constantFrom('', '.', ':80', '.:443', ':', '..'), fc.boolean())
  .map(([each, end, isUpper]) => (isUpper ? each.toUpperCase() : each) + end);
const host = fc.oneof({ arbitrary: authority, weight: 8 }, fc.constantFrom(undefined, '', '.', '.a', '[::1]:80', '[::2]', '[', 'a..b'));

const SEGMENTS = ['a', 'b', 'a%2Fb', '~', '..'];
const sitePath = fc.array(fc.constantFrom(...SEGMENTS, 'A%20'), { maxLength: 3 }).map((segments) => `/${segments.join('/')}`);
const path = fc.oneof(
  fc.constant(null),
  sitePath.map((value): RouteMatch['path'] => ({ kind: 'prefix', value })),
  fc
    .tuple(sitePath, fc.constantFrom('', '/'))
    .map(([value, end]): RouteMatch['path'] => ({ kind: 'exact', value: value === '/' ? value : value + end })),
);
const segment = fc.oneof(
  { arbitrary: fc.constantFrom('a', 'b', '%61', '~', '%7E'), weight: 24 },
  { arbitrary: fc.constantFrom(...SEGMENTS, 'a%2fb', '%7e', 'A%20', ''), weight: 3 },
  fc.constantFrom('.', '%2e.', 'a;b', '%', '%zz', '%e2%82%ac', '\xc3\xbc', '%c3', '%00', '\\', '%25', '%2541', 'a#b'),
);
const pair = fc
  .tuple(fc.constantFrom('p', 'q', '%70', ''), fc.constantFrom('', '=', '=1', '=%31', '=2', '=1=1', '=%26', '=1#'))
  .map((both) => both.join(''));
const target = fc.oneof(
  {
    arbitrary: fc
      .tuple(fc.array(segment, { maxLength: 5 }), fc.option(fc.array(pair, { maxLength: 3 }), { nil: undefined }))
      .map(([segments, pairs]) => `/${segments.join('/')}${pairs === undefined ? '' : `?${pairs.join('&')}`}`),
    weight: 30,
  },
  fc.constantFrom('*', '', 'a', '*?p=1'),
);

const distinct = (each: fc.Arbitrary<NameValue>): fc.Arbitrary<NameValue[]> =>
  fc.uniqueArray(each, { maxLength: 2, selector: (one) => one.name });
/** What a route is for. */
export const routeMatch: fc.Arbitrary<RouteMatch> = fc.record({
  hosts: fc.oneof(fc.constant([]), fc.array(pattern, { minLength: 1, maxLength: 3, size: 'max' })),
  scheme: fc.constantFrom(null, null, 'http', 'https'),
  path,
  methods: fc.oneof({ arbitrary: fc.constant([]), weight: 2 }, fc.uniqueArray(fc.constantFrom('GET', 'POST', 'PURGE'), { minLength: 1 })),
  headers: fc.oneof(
    { arbitrary: fc.constant([]), weight: 2 },
    distinct(fc.record({ name: fc.constantFrom('x-a', 'x-b'), value: fc.constantFrom('1', '2', '') })),
  ),
  query: fc.oneof(
    { arbitrary: fc.constant([]), weight: 2 },
    distinct(fc.record({ name: fc.constantFrom('p', 'q'), value: fc.constantFrom('', '1', '%26') })),
  ),
});
/** A request, in all the ways in which names and paths may be written. */
export const routableRequest: fc.Arbitrary<RoutableRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PURGE', 'get'),
  target,
  host,
  headers: fc
    .array(fc.tuple(fc.constantFrom('X-A', 'x-a', 'X-B', 'X-C'), fc.constantFrom('1', '2', '', '12')), { maxLength: 4 })
    .map((lines) => lines.flat()),
});
