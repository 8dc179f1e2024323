// Names and ports that clients ask for: which are well-formed, and which name the same place.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isAuthority, isSameAuthority, usualAuthority } from '../../../lib/traffic/wire/authority.js';

const test = suite('authority');

test('a name or an address, and a port of at most 65535', () => {
  for (const good of ['x', 'X.example.', 'x_y', 'x%2dy', '192.0.2.1', '[::1]', 'x:', 'x:0', 'x:80', 'x:00080', 'x:65535', '[::1]:9'])
    assert.ok(isAuthority(good), good);
  for (const bad of [
    '',
    ':80',
    'x:65536',
    'x:65540',
    'x:66000',
    'x:70000',
    'x:99999',
    'x:100000',
    'x:+1',
    'x:8a',
    'u@x',
    'x y',
    '::1',
    '[::1',
    'x/',
  ])
    assert.not.ok(isAuthority(bad), bad);
});

test('the normal form is lower case, without the default port of the scheme', () => {
  for (const [authority, http, https] of [
    ['Example.COM', 'example.com', 'example.com'],
    ['example.com:80', 'example.com', 'example.com:80'],
    ['example.com:443', 'example.com:443', 'example.com'],
    ['example.com:', 'example.com', 'example.com'],
    ['example.com:00080', 'example.com', 'example.com:80'],
    ['example.com:008', 'example.com:8', 'example.com:8'],
    ['[2001:DB8::1]', '[2001:db8::1]', '[2001:db8::1]'],
    ['[2001:DB8::80]:80', '[2001:db8::80]', '[2001:db8::80]:80'],
    ['[::80]', '[::80]', '[::80]'],
  ] as const) {
    assert.equal([usualAuthority(authority, 'http'), usualAuthority(authority, 'https')], [http, https], authority);
  }
});

test('two spellings of one authority are the same, and two authorities are not', () => {
  for (const [one, other] of [
    ['x', 'X:80'],
    ['x:', 'x:080'],
    ['[::1]', '[0:0:0:0:0:0:0:1]:80'],
    ['[::FFFF:192.0.2.1]', '[::ffff:c000:201]'],
    ['[:::]', '[:::]'],
  ] as const) {
    assert.ok(isSameAuthority(one, other, 'http'), `${one} ${other}`);
    assert.ok(isSameAuthority(other, one, 'http'), `${other} ${one}`);
  }
  for (const [one, other] of [
    ['x', 'y'],
    ['x', 'x.'],
    ['x', 'x:443'],
    ['x:8', 'x:80'],
    ['[::1]', '[::2]'],
    ['[::1]', '[::1]:81'],
    ['[:::]', '[::::]'],
    ['x%2dy', 'x-y'],
    ['127.0.0.1', '[::ffff:127.0.0.1]'],
  ] as const) {
    assert.not.ok(isSameAuthority(one, other, 'http'), `${one} ${other}`);
  }
});

test.run();
