// Header changes of a route: their order, what they leave alone, and what they cost when there are none.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HOP_BY_HOP, isUnchangeable } from '../../../lib/config/unchangeable-headers.js';
import type { HeaderChanges } from '../../../lib/site-model.js';
import { compileHeaderEdit } from '../../../lib/traffic/wire/header-edit.js';

const test = suite('header edit');

const NONE: HeaderChanges = { set: [], add: [], remove: [] };

function edited(changes: Partial<HeaderChanges>, headers: readonly string[], where: 'request' | 'response' = 'request'): readonly string[] {
  return compileHeaderEdit({ ...NONE, ...changes }, where)?.change(headers) ?? headers;
}

test('without changes there is no edit', () => {
  assert.is(compileHeaderEdit(NONE, 'request'), undefined);
});

test('set replaces all fields of a name, in any letter case, by one', () => {
  assert.equal(edited({ set: [{ name: 'X-A', value: '9' }] }, ['x-a', '1', 'B', '2', 'X-A', '3']), ['B', '2', 'X-A', '9']);
  assert.equal(edited({ set: [{ name: 'X-A', value: '9' }] }, ['B', '2']), ['B', '2', 'X-A', '9']);
});

test('add keeps what is there, remove takes all of a name', () => {
  assert.equal(edited({ add: [{ name: 'x-a', value: '2' }] }, ['X-A', '1']), ['X-A', '1', 'x-a', '2']);
  assert.equal(edited({ remove: ['cookie'] }, ['Cookie', '1', 'Cookies', '2', 'COOKIE', '3']), ['Cookies', '2']);
});

test('the order is remove, set, add: a name may be in all three', () => {
  const changes = { remove: ['a'], set: [{ name: 'A', value: 'set' }], add: [{ name: 'a', value: 'added' }] };
  assert.equal(edited(changes, ['a', '1']), ['A', 'set', 'a', 'added']);
});

test('the given list stays as it is', () => {
  const headers = Object.freeze(['A', '1']);
  edited({ remove: ['a'] }, headers);
  assert.equal(headers, ['A', '1']);
});

test('of trailers those that are removed or set are dropped, and none is added', () => {
  const changes = { remove: ['a'], set: [{ name: 'b', value: '1' }], add: [{ name: 'c', value: '2' }] };
  assert.equal(compileHeaderEdit(changes, 'request')?.drop(['A', '1', 'B', '2', 'C', '3', 'D', '4']), ['C', '3', 'D', '4']);
});

test('framing, hop-by-hop fields and what Meercat says itself are left alone', () => {
  const own = [
    'content-length',
    'via',
    'host',
    'expect',
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-port',
    'x-request-id',
    'traceparent',
    'tracestate',
  ];
  for (const name of [...HOP_BY_HOP, ...own].flatMap((each) => [each, each.toUpperCase()])) {
    assert.ok(isUnchangeable(name, 'request'), name);
    const changes = { set: [{ name, value: '1' }], add: [{ name, value: '2' }], remove: [name] };
    assert.is(compileHeaderEdit(changes, 'request'), undefined, name);
    if (!own.includes(name.toLowerCase())) assert.is(compileHeaderEdit(changes, 'response'), undefined, name);
  }
  for (const name of ['Content-Length', 'Date', 'X-Request-Id'])
    assert.is(compileHeaderEdit({ ...NONE, remove: [name] }, 'response'), undefined, name);
  for (const name of ['X-Forwarded-Prefix', 'X-Real-IP', 'Cookie']) assert.not.ok(isUnchangeable(name, 'request'), name);
  for (const name of ['Via', 'Server', 'Set-Cookie']) assert.not.ok(isUnchangeable(name, 'response'), name);
});

test('values go out as UTF-8; what is no field is refused, so that no value ends its line', () => {
  assert.equal(edited({ add: [{ name: 'A', value: 'ü' }] }, []), ['A', '\u00c3\u00bc']);
  for (const [name, value] of [
    ['A', 'x\r\nB: y'],
    ['A', '\0'],
    ['A: b', ''],
    ['', 'x'],
  ] as const)
    assert.throws(() => compileHeaderEdit({ ...NONE, add: [{ name, value }] }, 'request'), /not a header field/);
});

test.run();
