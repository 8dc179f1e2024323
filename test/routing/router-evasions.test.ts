// What a client may try so that a rule does not see its path or name, while a host does: how each is matched as written,
// and that `paths: strict` refuses those that hosts read differently. docs/routing.md has the same list.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { compileRouter, REFUSED_PATH, type RoutableRequest } from '../../lib/routing/router.js';
import { routeOf, under } from '../support/site-routes.js';

const test = suite('router, evasions');

const ROUTES = [
  routeOf({ hosts: ['admin.example.test'] }),
  routeOf({ path: under('/admin') }),
  routeOf({ path: under('/public') }),
  routeOf({}),
];
const [NAME, ADMIN, PUBLIC, REST] = [0, 1, 2, 3];
const written = compileRouter({ paths: 'as-written', routes: ROUTES });
const strict = compileRouter({ paths: 'strict', routes: ROUTES });

const request = (fields: Partial<RoutableRequest>): RoutableRequest => ({
  method: 'GET',
  target: '/',
  host: undefined,
  headers: [],
  ...fields,
});

/** Targets that are equivalent to what is written in the site: the rule sees them, in both modes. */
const SEEN: readonly string[] = [
  '/admin',
  '/admin?',
  '/admin/',
  '/admin?/../public',
  '/%61dmin',
  '/%61%64%6D%69%6e/x',
  '/admin/%7Eroot',
  '/admin/%e2%82%ac',
  '/admin/a%3Ab',
  '/admin/...',
  '/admin/.hidden/..x/x..',
  '/admin/100%25',
  '/admin/100%25x',
];

/** Targets that a host may read differently, and how they are matched as written. */
const AMBIGUOUS: readonly (readonly [target: string, found: number])[] = [
  ['/public/../admin', PUBLIC],
  ['/public/..', PUBLIC],
  ['/public/.', PUBLIC],
  ['/./admin', REST],
  ['/../admin', REST],
  ['/..', REST],
  ['/.', REST],
  ['/public/%2e%2e/admin', PUBLIC],
  ['/public/.%2E/admin', PUBLIC],
  ['/%2e/admin', REST],
  ['//admin', REST],
  ['/public//admin', PUBLIC],
  ['/public//', PUBLIC],
  ['/%2Fadmin', REST],
  ['/public%2f..%2fadmin', REST],
  ['/public/..%2Fadmin', PUBLIC],
  ['/\\admin', REST],
  ['/public\\..\\admin', REST],
  ['/public/..%5Cadmin', PUBLIC],
  ['/%5cadmin', REST],
  ['/admin;a=b', REST],
  ['/admin;/x', REST],
  ['/public/..;/admin', PUBLIC],
  ['/;/admin', REST],
  ['/admin%3Ba', REST],
  ['/admin%00', REST],
  ['/admin%00.html', REST],
  ['/admin%0A', REST],
  ['/admin%09/x', REST],
  ['/admin%7F', REST],
  ['/%c1%a1dmin', REST],
  ['/%E0%81%A1dmin', REST],
  ['/public/%c0%ae%c0%ae/admin', PUBLIC],
  ['/public/..%c0%af', PUBLIC],
  ['/%ed%a0%80', REST],
  ['/%f4%90%80%80', REST],
  ['/%ff', REST],
  ['/%e2%82', REST],
  ['/%e2%82?%ac', REST],
  ['/%e2%82/%ac', REST],
  ['/%80', REST],
  ['/\xc1\xa1dmin', REST],
  ['/%', REST],
  ['/%6', REST],
  ['/%zzadmin', REST],
  ['/%u0061dmin', REST],
  ['/%2561dmin', REST],
  ['/public/%252e%252e/admin', PUBLIC],
  ['/admin#x', ADMIN],
];

for (const target of SEEN) {
  test(`the rule sees ${target}`, () => {
    assert.is(written.find(request({ target }), 'http'), ADMIN);
    assert.is(strict.find(request({ target }), 'http'), ADMIN);
  });
}

for (const [target, found] of AMBIGUOUS) {
  test(`${JSON.stringify(target)} is matched as written, and refused when paths are strict`, () => {
    assert.is(written.find(request({ target }), 'http'), found);
    assert.is(strict.find(request({ target }), 'http'), REFUSED_PATH);
  });
}

test('strict paths refuse nothing else: * and what is in a query', () => {
  for (const target of ['*', '/', '/a', '/a/', '/?/../', '/?//;%2f%00\\', '/a?%zz', '/\xe2\x82\xac', "/a,b+c=d@e:f!$&'()*"])
    assert.is(strict.find(request({ target }), 'http'), REST, target);
});

test('strict paths refuse a target that is neither a path nor *', () => {
  for (const target of ['', 'a', 'http://example.test/admin', '*/', '**'])
    assert.is(strict.find(request({ target }), 'http'), REFUSED_PATH, target);
});

test('no spelling of a name slips past a rule for it', () => {
  for (const host of [
    'admin.example.test',
    'ADMIN.Example.TEST',
    'admin.example.test:80',
    'admin.example.test:',
    'admin.example.test.',
    'Admin.example.test.:8443',
  ])
    assert.is(written.find(request({ host }), 'http'), NAME, host);
  for (const host of [
    '%61dmin.example.test',
    'admin.example.test..',
    'admin..example.test',
    'xn--admin.example.test',
    'admin.example.test%00',
  ])
    assert.is(written.find(request({ host }), 'http'), REST, host);
});

test.run();
