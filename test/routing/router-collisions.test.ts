// Names, paths and values whose hashes are equal are still different: a client that knows the hash can't reach another
// route by a constructed collision.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EMPTY_HASH, hashOf } from '../../lib/routing/hash-slots.js';
import { compileRouter, NO_ROUTE, type RoutableRequest } from '../../lib/routing/router.js';
import type { RouteMatch } from '../../lib/site-model.js';
import { exactly, routeOf, under } from '../support/site-routes.js';

const test = suite('router, collisions');

/** Two texts of one length whose hashes are equal. By the birthday paradox the first 2^18 have several. */
function collision(textOf: (i: number) => string, start = EMPTY_HASH): readonly [string, string] {
  const seen = new Map<number, string>();
  for (let i = 0; i < 2 ** 18; i++) {
    const text = textOf(i);
    const hash = hashOf(text, start);
    const other = seen.get(hash);
    if (other?.length === text.length) return [other, text];
    seen.set(hash, text);
  }
  throw new Error('no collision');
}

const spelled = (i: number): string =>
  Math.imul(i + 1, 0x9e3779b1)
    .toString(36)
    .replace('-', 'z');

function find(match: Partial<RouteMatch>, request: Partial<RoutableRequest>): number {
  const router = compileRouter({ paths: 'as-written', routes: [routeOf(match)] });
  return router.find({ method: 'GET', target: '/', host: undefined, headers: [], ...request }, 'http');
}

test('paths', () => {
  const [one, other] = collision((i) => `/${spelled(i)}`);
  for (const path of [exactly(one), under(one)]) {
    assert.is(find({ path }, { target: one }), 0);
    assert.is(find({ path }, { target: other }), NO_ROUTE);
  }
  assert.is(find({ path: under(one) }, { target: `${other}/x` }), NO_ROUTE);
});

test('names and wildcards', () => {
  // Names are read from their end.
  const [one, other] = collision((i) => spelled(i)).map((text) => [...text].toReversed().join('')) as [string, string];
  assert.is(find({ hosts: [one] }, { host: one }), 0);
  assert.is(find({ hosts: [one] }, { host: other }), NO_ROUTE);
  assert.is(find({ hosts: [`*.${one}`] }, { host: `a.${one}` }), 0);
  assert.is(find({ hosts: [`*.${one}`] }, { host: `a.${other}` }), NO_ROUTE);
});

test('header names and values', () => {
  const [one, other] = collision(spelled);
  assert.is(find({ headers: [{ name: one, value: 'x' }] }, { headers: [one.toUpperCase(), 'x'] }), 0);
  assert.is(find({ headers: [{ name: one, value: 'x' }] }, { headers: [other, 'x'] }), NO_ROUTE);
  assert.is(find({ headers: [{ name: 'a', value: one }] }, { headers: ['a', one] }), 0);
  assert.is(find({ headers: [{ name: 'a', value: one }] }, { headers: ['a', other] }), NO_ROUTE);
});

test('query parameters', () => {
  const [one, other] = collision(spelled, hashOf('q='));
  assert.is(find({ query: [{ name: 'q', value: one }] }, { target: `/?q=${one}` }), 0);
  assert.is(find({ query: [{ name: 'q', value: one }] }, { target: `/?q=${other}` }), NO_ROUTE);
});

test.run();
