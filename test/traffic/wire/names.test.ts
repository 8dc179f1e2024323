// Names in a request's head: header names that hosts may take for others, names and ports of hosts (authorities), and the
// protocols of an Upgrade header that are offered to hosts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isAuthority, isSameAuthority, usualAuthority } from '../../../lib/traffic/wire/authority.js';
import { isOddName, oddNamesOf, withoutOddNames } from '../../../lib/traffic/wire/header-names.js';
import { offersWithoutWebSocket, passedOffers } from '../../../lib/traffic/wire/upgrade-offers.js';

const test = suite('names');

test('names with _ are odd; names with other signs only if they could be read as a name with a meaning', () => {
  for (const name of [
    'x-amz-meta-realm_id',
    'content_length',
    'Transfer_Encoding',
    'host_',
    '_',
    'X_Forwarded_For',
    'Content.Length',
    'TRANSFER~ENCODING',
    'X.Forwarded.For',
    'x-forwarded+anything',
    'Keep|Alive',
    'HTTP2.Settings',
    'X.Real.IP',
    'Proxy!Authorization',
  ]) {
    assert.ok(isOddName(name), name);
  }
  for (const name of [
    'X-A',
    'x.a',
    'x-amz-meta-a.b',
    "!#$%&'*+-.^`|~9",
    'Content-Length',
    'Content..Length',
    'Host.',
    'Forwarded.',
    '.Host',
    '0',
  ])
    assert.not.ok(isOddName(name), name);
});

test('odd names are found and removed with their values, and nothing else is', () => {
  const raw = ['X-A', 'a_b', 'X_B', 'x', 'X.C', 'c.d', 'x_b', 'X_B'];
  assert.equal(oddNamesOf(raw), ['X_B', 'x_b']);
  assert.equal(withoutOddNames(raw), ['X-A', 'a_b', 'X.C', 'c.d']);
  assert.equal(oddNamesOf(['X-A', '_']), []);
});

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
  assert.ok(isSameAuthority('[::1]', '[0::1]:443', 'https'));
  assert.not.ok(isSameAuthority('[::1]', '[::1]:80', 'https'));
  assert.not.ok(isSameAuthority('[::1]:443', '[0::1]:80', 'https'));
});

test('HTTP, TLS and malformed protocols are never offered; all others are, in order', () => {
  for (const [upgrade, passed] of [
    ['websocket', 'websocket'],
    ['WebSocket', 'WebSocket'],
    ['SPDY/3.1', 'SPDY/3.1'],
    ['tcp', 'tcp'],
    ['a , b/1,\tc', 'a, b/1, c'],
    ['h2c, websocket, TLS/1.0', 'websocket'],
    ['h2cx', 'h2cx'],
    ['tlsx/1', 'tlsx/1'],
    ['websocket, a b, c/d/e, "f", /g, h/', 'websocket'],
  ] as const) {
    assert.is(passedOffers(upgrade), passed, upgrade);
  }
  for (const upgrade of ['', ',', ' ', 'h2', 'H2C', 'h2-16', 'h3', 'HTTP/2.0', 'http', 'TLS', 'tls/1.3', 'a b', '\xe9'])
    assert.is(passedOffers(upgrade), undefined, upgrade);
});

test('WebSocket is removed from a list, in any letter case', () => {
  assert.is(offersWithoutWebSocket('websocket'), undefined);
  assert.is(offersWithoutWebSocket('a, WebSocket, websocket/13'), 'a, websocket/13');
});

test.run();
