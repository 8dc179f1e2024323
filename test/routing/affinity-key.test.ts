// The key that a pool hashes: which part of a request it is, when there is none, and that all balancers of all versions
// come to the same hash.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AffinityKey } from '../../lib/routing/affinity-key.js';
import { cookieAt, cookieEnd } from '../../lib/routing/cookies.js';
import { TextHash } from '../../lib/routing/text-hash.js';
import type { HashKey } from '../../lib/site-model.js';
import { chiSquare, chiSquareLimit } from '../support/host-views.js';

const test = suite('affinity key');

const hashOf = (text: string): string => {
  const hash = new TextHash();
  hash.take(text);
  return `${(hash.hi >>> 0).toString(16)}-${(hash.lo >>> 0).toString(16)}`;
};

/** The hash of a request's key, and that of the text it must be; null: no key. */
function check(key: HashKey, request: { target?: string; headers?: readonly string[]; client?: string }, expected: string | null): void {
  const read = new AffinityKey(key);
  const found = read.read(request.target ?? '/', request.headers ?? [], request.client ?? '192.0.2.1');
  assert.is(found, expected !== null, JSON.stringify({ key, request }));
  if (expected !== null)
    assert.is(`${(read.hi >>> 0).toString(16)}-${(read.lo >>> 0).toString(16)}`, hashOf(expected), JSON.stringify({ key, request }));
}

test('the hash of a text never changes: balancers of two versions must agree', () => {
  assert.equal(['', 'a', '/articles/7', 'web/10.0.0.7:3000'].map(hashOf), [
    '488bdcb8-1aee8d83',
    '501c2ba7-82c97901',
    'b24e47f5-90940ec7',
    'e151e055-c9b4324f',
  ]);
});

test('the path is hashed as written, without the query', () => {
  check({ of: 'path' }, { target: '/a/b?x=1' }, '/a/b');
  check({ of: 'path' }, { target: '/a/b' }, '/a/b');
  check({ of: 'path' }, { target: '/%61//../B?' }, '/%61//../B');
  check({ of: 'path' }, { target: '*' }, '*');
  check({ of: 'path' }, { target: '?x' }, null);
});

test("the client's address is hashed", () => {
  check({ of: 'client' }, { client: '2001:db8::1' }, '2001:db8::1');
});

test('the first header of the name is hashed, in any letter case', () => {
  const headers = ['Host', 'x', 'X-USER', 'mia', 'x-user', 'tom', 'X-Users', 'all'];
  check({ of: 'header', name: 'x-user' }, { headers }, 'mia');
  check({ of: 'header', name: 'X-User' }, { headers }, 'mia');
  check({ of: 'header', name: 'X-Use' }, { headers }, null);
  check({ of: 'header', name: 'x-user' }, { headers: ['X-User', ''] }, null);
  check({ of: 'header', name: 'x-us@r' }, { headers: ['X-Us`r', 'y'] }, null);
});

test('the first cookie of the name is hashed, in whichever Cookie field it is', () => {
  check({ of: 'cookie', name: 'id' }, { headers: ['Cookie', 'a=1; id=77; id=78'] }, '77');
  check({ of: 'cookie', name: 'id' }, { headers: ['cookie', 'a=1', 'cookie', ' ;;id=77 ;b'] }, '77');
  check({ of: 'cookie', name: 'id' }, { headers: ['Cookie', 'xid=1; ID=2; idx=3; id ; a=id=5'] }, null);
  check({ of: 'cookie', name: 'id' }, { headers: ['Cookie', 'id=a=b'] }, 'a=b');
  check({ of: 'cookie', name: 'id' }, { headers: ['Cookie', 'id='] }, null);
  check({ of: 'cookie', name: 'id' }, { headers: ['X-Cookie', 'id=1'] }, null);
});

test('the first query parameter of the name is hashed, as written', () => {
  check({ of: 'query', name: 'user' }, { target: '/a?b=1&user=mia&user=tom' }, 'mia');
  check({ of: 'query', name: 'user' }, { target: '/a?user=m%69a+b?c=d' }, 'm%69a+b?c=d');
  check({ of: 'query', name: 'user' }, { target: '/user=x?users=1&xuser=2&user&user=' }, null);
  check({ of: 'query', name: 'user' }, { target: '/a&user=x' }, null);
  check({ of: 'query', name: 'user' }, { target: '/a?' }, null);
});

test('a cookie is found wherever a simple parser finds it, in any text', () => {
  const part = fc.constantFrom('a', 'ab', '=', ';', '; ', ' ', '\t', 'a=', 'x', '"');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const header = parts.join('');
      const simple = header
        .split(';')
        .map((each) => each.replace(/^[ \t]+|[ \t]+$/g, ''))
        .filter((each) => each.startsWith('a='))
        .map((each) => each.slice(2));
      const found: string[] = [];
      for (let at = cookieAt(header, 'a'); at >= 0; ) {
        const end = cookieEnd(header, at);
        found.push(header.slice(at, end));
        at = cookieAt(header, 'a', end);
      }
      assert.equal(found, simple);
    }),
    { seed: 17, numRuns: 5000 },
  );
});

test('hashes of similar texts are spread evenly, in both words', () => {
  const hash = new TextHash();
  const high = Array.from({ length: 64 }, () => 0);
  const low = Array.from({ length: 64 }, () => 0);
  for (let i = 0; i < 100_000; i++) {
    hash.take(`/item/${i}`);
    high[hash.hi >>> 26] = (high[hash.hi >>> 26] as number) + 1;
    low[hash.lo & 63] = (low[hash.lo & 63] as number) + 1;
  }
  for (const counts of [high, low]) {
    const found = chiSquare(
      counts,
      counts.map(() => 1 / 64),
    );
    assert.ok(found < chiSquareLimit(63), `${found}`);
  }
});

test.run();
