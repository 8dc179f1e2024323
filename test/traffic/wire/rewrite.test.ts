// Rewrites of targets: the prefix goes by segments, the query stays, and the result is always a path.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rewrite } from '../../../lib/site-model.js';
import { compileRewrite } from '../../../lib/traffic/wire/rewrite.js';

const test = suite('rewrite');

const strip = (prefix: string) => compileRewrite({ kind: 'strip-prefix', prefix });
const replace = (prefix: string, by: string) => compileRewrite({ kind: 'replace-prefix', prefix, by });
const fixed = (path: string) => compileRewrite({ kind: 'path', path });

const CASES: readonly (readonly [rewrite: (target: string) => string, target: string, expected: string])[] = [
  [strip('/v2'), '/v2/x/y?a=/v2', '/x/y?a=/v2'],
  [strip('/v2'), '/v2', '/'],
  [strip('/v2'), '/v2/', '/'],
  [strip('/v2'), '/v2?q', '/?q'],
  [strip('/v2'), '/v20/x', '/v20/x'],
  [strip('/v2'), '/a/v2/x', '/a/v2/x'],
  [strip('/v2'), '/%762/x%2fy', '/x%2fy'],
  [strip('/a~b/ü'), '/a%7eb/%c3%bc/x', '/x'],
  [strip('/'), '/v2/x', '/v2/x'],
  [strip('/v2'), '*', '*'],
  [strip('/v2'), '/v2//evil.test/x', '/evil.test/x'],
  [strip('/v2'), '/v2///evil.test', '/evil.test'],
  [strip('/v2'), '/v2/\\evil.test', '/evil.test'],
  [strip('/v2'), '/v2/http://evil.test', '/http://evil.test'],
  [strip('/v2'), '/v2/x//y', '/x//y'],
  [strip('/v2'), '/v2/../x', '/../x'],
  [replace('/v2', '/api'), '/v2/x?q', '/api/x?q'],
  [replace('/v2', '/api/'), '/v2/x', '/api/x'],
  [replace('/v2', '/api'), '/v2', '/api'],
  [replace('/v2', '/'), '/v2/x', '/x'],
  [replace('/v2', '/'), '/v2?q', '/?q'],
  [replace('/v2', '/'), '/v2//evil.test', '/evil.test'],
  [replace('/', '/app'), '/x', '/app/x'],
  [replace('/', '/app'), '/', '/app/'],
  [replace('/v2', '/ü ?#'), '/v2/x', '/%C3%BC%20%3F%23/x'],
  [replace('/v2', '/api'), '/v3', '/v3'],
  [replace('/v2', '/api'), '*', '*'],
  [fixed('/index.html'), '/a/b?q=1', '/index.html?q=1'],
  [fixed('/index.html'), '/a/b', '/index.html'],
  [fixed('/a b'), '/', '/a%20b'],
  [fixed('/index.html'), '*', '*'],
];

for (const [rewrite, target, expected] of CASES) {
  test(`${target} becomes ${expected}`, () => {
    assert.is(rewrite(target), expected);
  });
}

test('whatever a client sends, a path stays a path, with its query, and never begins with an authority', () => {
  const text = fc
    .array(fc.constantFrom('/', '\\', 'a', 'v2', '?', '%2F', '%76', '..', ':', '@'), { maxLength: 8 })
    .map((parts) => parts.join(''));
  const rewrites: readonly Rewrite[] = [
    { kind: 'strip-prefix', prefix: '/v2' },
    { kind: 'replace-prefix', prefix: '/v2', by: '/' },
    { kind: 'replace-prefix', prefix: '/', by: '/a' },
    { kind: 'path', path: '/p' },
  ];
  fc.assert(
    fc.property(text, fc.constantFrom('/v2', '/v2/', '/%762/'), fc.constantFrom(...rewrites), (rest, start, rewrite) => {
      const target = start + rest;
      const result = compileRewrite(rewrite)(target);
      const query = (each: string): string => each.split('?').slice(1).join('?');
      if (result === target) return;
      assert.match(result, /^\/(?![/\\])/);
      assert.is(query(result), query(target));
    }),
  );
});

test.run();
