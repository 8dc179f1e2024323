// The router: what fits, and which of several routes that fit is found.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileRouter, NO_ROUTE, type RoutableRequest } from '../../lib/routing/router.js';
import type { RouteMatch } from '../../lib/site-model.js';
import { exactly, routeOf, under } from '../support/site-routes.js';

const test = suite('router');

/** The route that is found among those with these matches. */
function find(matches: readonly Partial<RouteMatch>[], request: Partial<RoutableRequest>, scheme: 'http' | 'https' = 'http'): number {
  const router = compileRouter({ paths: 'as-written', routes: matches.map((match) => routeOf(match)) });
  return router.find({ method: 'GET', target: '/', host: 'example.test', headers: [], ...request }, scheme);
}

const fits = (match: Partial<RouteMatch>, request: Partial<RoutableRequest>): boolean => find([match], request) === 0;

test('without routes, or without one that fits, none is found', () => {
  assert.is(find([], {}), NO_ROUTE);
  assert.is(find([{ hosts: ['other.test'] }, { methods: ['POST'] }], {}), NO_ROUTE);
});

test('a route without conditions fits everything, also * and a request without a name', () => {
  for (const request of [{}, { target: '*' }, { host: undefined }, { target: '/a?b', method: 'PURGE', host: '[::1]:80' }])
    assert.is(find([{}], request), 0);
});

test('* is no path: only routes without a path fit it', () => {
  assert.is(find([{ path: under('/') }, { path: exactly('/') }, { methods: ['OPTIONS'] }], { target: '*', method: 'OPTIONS' }), 2);
});

test('names are compared without regard to case, port and one dot at the end', () => {
  for (const host of ['example.test', 'EXAMPLE.test', 'Example.Test:8080', 'example.test.', 'example.test.:443', 'example.test:'])
    assert.ok(fits({ hosts: ['example.test'] }, { host }), host);
  for (const host of ['example.tes', 'xexample.test', 'a.example.test', 'example.test..', 'example.test.x', '', '.', undefined])
    assert.not.ok(fits({ hosts: ['example.test'] }, { host }), String(host));
});

test('IPv6 addresses and punycode are names like others', () => {
  assert.ok(fits({ hosts: ['[2001:db8::1]'] }, { host: '[2001:DB8::1]:8443' }));
  assert.ok(fits({ hosts: ['[2001:db8::1]'] }, { host: '[2001:db8::1]' }));
  assert.not.ok(fits({ hosts: ['[2001:db8::1]'] }, { host: '[2001:db8::2]:1' }));
  assert.ok(fits({ hosts: ['xn--bcher-kva.test'] }, { host: 'XN--BCHER-KVA.test:80' }));
  assert.not.ok(fits({ hosts: ['xn--bcher-kva.test'] }, { host: 'b%C3%BCcher.test' }));
});

test('a wildcard stands for one label or more, never for none', () => {
  for (const host of ['a.example.test', 'b.a.EXAMPLE.test:80', 'a.example.test.'])
    assert.ok(fits({ hosts: ['*.example.test'] }, { host }), host);
  for (const host of ['example.test', '.example.test', 'aexample.test', 'a.example.test.org', undefined])
    assert.not.ok(fits({ hosts: ['*.example.test'] }, { host }), String(host));
});

test('a prefix is by segments', () => {
  for (const target of ['/v2', '/v2/', '/v2/x', '/v2?x', '/v2//x']) assert.ok(fits({ path: under('/v2') }, { target }), target);
  for (const target of ['/v20', '/v', '/', '/V2', '//v2', '/v2%2Fx', '/v2;a/x', '/?/v2'])
    assert.not.ok(fits({ path: under('/v2') }, { target }), target);
  for (const target of ['/a/b', '/a/b/c/d']) assert.ok(fits({ path: under('/a/b') }, { target }), target);
  for (const target of ['/a', '/a/', '/a/bc', '/a//b']) assert.not.ok(fits({ path: under('/a/b') }, { target }), target);
});

test('an exact path is compared as a whole, without the query', () => {
  for (const target of ['/v2', '/v2?a=/b']) assert.ok(fits({ path: exactly('/v2') }, { target }), target);
  for (const target of ['/v2/', '/v', '/v22', '/']) assert.not.ok(fits({ path: exactly('/v2') }, { target }), target);
  assert.ok(fits({ path: exactly('/v2/') }, { target: '/v2/' }));
  assert.not.ok(fits({ path: exactly('/v2/') }, { target: '/v2' }));
});

test('a path of the site may be written with or without encodings', () => {
  for (const value of ['/a b/ü~', '/a%20b/%c3%bc%7e', '/%61%20b/%C3%BC~'])
    for (const target of ['/a%20b/%C3%BC~', '/%61%20b/%c3%bc%7E', '/a%20b/\u00c3\u00bc~'])
      assert.ok(fits({ path: exactly(value) }, { target }), `${value} ${target}`);
  assert.ok(fits({ path: exactly('/a?b#c') }, { target: '/a%3fb%23c?d' }));
  assert.ok(fits({ path: exactly('/100%') }, { target: '/100%' }));
  assert.not.ok(fits({ path: exactly('/100%') }, { target: '/100%25' }));
});

test('methods are compared exactly, also more than a word has bits', () => {
  const methods = Array.from({ length: 70 }, (_, i) => `M${i}`);
  for (const method of methods)
    assert.is(find([{ methods: ['GET'] }, ...methods.map((each) => ({ methods: [each] }))], { method }), methods.indexOf(method) + 1);
  assert.is(find([{ methods: methods.slice(31, 33) }], { method: 'M32' }), 0);
  assert.is(find([{ methods: methods.slice(31, 33) }], { method: 'M33' }), NO_ROUTE);
  assert.not.ok(fits({ methods: ['GET'] }, { method: 'get' }));
});

test('header names have no case, values have, and any line of a name may fit', () => {
  const match = { headers: [{ name: 'x-beta', value: 'Ü1' }] };
  for (const headers of [
    ['X-Beta', '\u00c3\u009c1'],
    ['a', 'b', 'x-BETA', '\u00c3\u009c1'],
    ['X-Beta', '2', 'X-Beta', '\u00c3\u009c1', 'X-Beta', '3'],
  ])
    assert.ok(fits(match, { headers }), headers.join());
  for (const headers of [
    [],
    ['X-Beta', 'Ü1'],
    ['X-Beta', '\u00c3\u009c1 '],
    ['X-Bet', '\u00c3\u009c1'],
    ['\u00c3\u009c1', 'X-Beta'],
    ['X-Beta', ''],
  ])
    assert.not.ok(fits(match, { headers }), headers.join());
});

test('all headers and all query parameters must fit', () => {
  const match = {
    headers: [
      { name: 'a', value: '1' },
      { name: 'b', value: '2' },
    ],
    query: [
      { name: 'c', value: '3' },
      { name: 'd', value: '' },
    ],
  };
  assert.ok(fits(match, { headers: ['B', '2', 'A', '1'], target: '/?d&c=3' }));
  assert.not.ok(fits(match, { headers: ['A', '1', 'B', '1'], target: '/?d&c=3' }));
  assert.not.ok(fits(match, { headers: ['A', '1', 'B', '2'], target: '/?c=3' }));
});

test('query parameters are compared after the same normalisation as paths; names have case', () => {
  const match = { query: [{ name: 'a b', value: 'x=y&z' }] };
  for (const target of ['/?a%20b=x=y%26z', '/?q&%61%20b=%78=y%26z&q', '*?a%20b=x=y%26z']) assert.ok(fits(match, { target }), target);
  for (const target of ['/?a+b=x=y%26z', '/?a%20b=x=y&z', '/?A%20b=x=y%26z', '/?a%20b', '/a%20b=x=y%26z', '/?', '/#?a%20b=x=y%26z'])
    assert.not.ok(fits(match, { target }), target);
  const bare = { query: [{ name: 'q', value: '' }] };
  for (const target of ['/?q', '/?q=', '/?a=q&q&b']) assert.ok(fits(bare, { target }), target);
  for (const target of ['/?q=1', '/?a=q', '/q', '/?qq']) assert.not.ok(fits(bare, { target }), target);
});

test('a scheme is a condition like others, and gives no precedence', () => {
  assert.is(find([{ scheme: 'https' }, { scheme: 'http' }], {}), 1);
  assert.is(find([{ scheme: 'https' }, { scheme: 'http' }], {}, 'https'), 0);
  assert.is(find([{}, { scheme: 'http' }], {}), 0);
});

/** Each fits the request below, and is above those that follow. */
const FALLING: readonly Partial<RouteMatch>[] = [
  { hosts: ['b.a.example.test'], path: exactly('/x/y') },
  { hosts: ['b.a.example.test'], path: under('/x/y') },
  {
    hosts: ['b.a.example.test'],
    path: under('/x'),
    methods: ['GET', 'PUT'],
    headers: [
      { name: 'a', value: '1' },
      { name: 'b', value: '1' },
    ],
  },
  {
    hosts: ['b.a.example.test'],
    path: under('/x'),
    methods: ['GET'],
    headers: [{ name: 'a', value: '1' }],
    query: [
      { name: 'q', value: '1' },
      { name: 'r', value: '1' },
    ],
  },
  {
    hosts: ['b.a.example.test'],
    path: under('/x'),
    methods: ['GET'],
    headers: [{ name: 'b', value: '1' }],
    query: [{ name: 'q', value: '1' }],
  },
  {
    hosts: ['b.a.example.test'],
    path: under('/x'),
    methods: ['GET'],
    query: [
      { name: 'q', value: '1' },
      { name: 'r', value: '1' },
    ],
  },
  {
    hosts: ['b.a.example.test'],
    path: under('/x'),
    headers: [
      { name: 'a', value: '1' },
      { name: 'b', value: '1' },
    ],
  },
  { hosts: ['b.a.example.test'], path: under('/x') },
  { hosts: ['b.a.example.test'], path: under('/'), methods: ['GET'] },
  { hosts: ['b.a.example.test'], headers: [{ name: 'a', value: '1' }] },
  { hosts: ['b.a.example.test'] },
  { hosts: ['*.a.example.test'], path: exactly('/x/y') },
  { hosts: ['*.a.example.test'] },
  { hosts: ['*.example.test'], path: exactly('/x/y'), methods: ['GET'] },
  { hosts: ['*.test'] },
  { path: exactly('/x/y') },
  { path: under('/x') },
  { methods: ['GET'] },
  { query: [{ name: 'q', value: '1' }] },
  {},
];

const FULL = { host: 'b.a.example.test', target: '/x/y?q=1&r=1', headers: ['A', '1', 'B', '1'] };

test('precedence is host, path, method, headers, query, whatever the order in the document', () => {
  for (const [i, above] of FALLING.entries()) {
    for (const below of FALLING.slice(i + 1)) {
      assert.is(find([above, below], FULL), 0, `${JSON.stringify(above)} first, ${JSON.stringify(below)}`);
      assert.is(find([below, above], FULL), 1, `${JSON.stringify(below)}, ${JSON.stringify(above)} last`);
    }
  }
  assert.is(find(FALLING.toReversed(), FULL), FALLING.length - 1);
});

test('of equals the first one in the document is found', () => {
  for (const match of FALLING) assert.is(find([match, match], FULL), 0);
  assert.is(find([{ headers: [{ name: 'b', value: '1' }] }, { headers: [{ name: 'a', value: '1' }] }], FULL), 0);
  assert.is(find([{ path: under('/') }, {}], FULL), 0);
  assert.is(find([{}, { path: under('/') }], FULL), 0);
});

test('if a more specific route does not fit, the next one is tried, at every level', () => {
  const never = { headers: [{ name: 'a', value: '2' }] };
  for (let count = 1; count < FALLING.length; count++) {
    const matches = FALLING.map((match, i) => (i < count ? Object.assign({}, match, never) : match));
    assert.is(find(matches, FULL), count);
  }
});

test('one route may have several names, and one name several times', () => {
  const match = { hosts: ['a.test', '*.b.test', 'a.test'] };
  for (const host of ['a.test', 'x.b.test']) assert.ok(fits(match, { host }), host);
  assert.not.ok(fits(match, { host: 'b.test' }));
});

test('a router keeps nothing of earlier requests', () => {
  const routes = [{ headers: [{ name: 'a', value: '1' }] }, { query: [{ name: 'q', value: '1' }] }, { path: exactly('/long/path') }].map(
    (match) => routeOf(match),
  );
  const router = compileRouter({ paths: 'as-written', routes });
  const base = { method: 'GET', host: undefined, target: '/', headers: [] };
  for (let i = 0; i < 3; i++) {
    assert.is(router.find({ ...base, headers: ['a', '1'] }, 'http'), 0);
    assert.is(router.find({ ...base, target: '/?q=1' }, 'http'), 1);
    assert.is(router.find({ ...base, target: '/long/path' }, 'http'), 2);
    assert.is(router.find(base, 'http'), NO_ROUTE);
    assert.is(router.find({ ...base, target: '/long/path/that/is/longer' }, 'http'), NO_ROUTE);
    assert.is(router.find({ ...base, target: '*' }, 'http'), NO_ROUTE);
  }
});

test.run();
