// Which client address the access log shows, by tables: behind trusted proxies, the right-most untrusted address.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { buildTrust } from '../../../lib/traffic/client/trusted.js';
import { clientAddressOf } from '../../../lib/traffic/request/logged-client.js';

const test = suite('logged client');

const PEER = '10.0.0.1';
const isTrusted = buildTrust(['10.0.0.0/8', '2001:db8:ffff::/48']);
const clientOf = (...headers: readonly string[]): string => clientAddressOf({ address: PEER, isTrusted: true }, headers, isTrusted);

const FORWARDED_FOR: readonly (readonly [list: string, client: string])[] = [
  ['203.0.113.7', '203.0.113.7'],
  ['6.6.6.6, 203.0.113.7', '203.0.113.7'],
  ['6.6.6.6, 203.0.113.7, 10.0.0.2', '203.0.113.7'],
  ['6.6.6.6,203.0.113.7 ,\t10.0.0.3,10.0.0.2', '203.0.113.7'],
  ['10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ['203.0.113.7:4711', '203.0.113.7'],
  ['2001:DB8:0::7', '2001:db8::7'],
  ['[2001:db8::7]:4711, [2001:db8:ffff::1]', '2001:db8::7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  // Anything left of the client's address is ignored, however odd.
  ['", evil, 203.0.113.7', '203.0.113.7'],
  // Malformed.
  ['203.0.113.7, unknown', PEER],
  ['unknown, 10.0.0.2', PEER],
  ['203.0.113.7,', PEER],
  [', 10.0.0.2', PEER],
  ['', PEER],
  ['203.0.113.777', PEER],
  ['203.0.113.07', PEER],
  ['203.0.113.7:port', PEER],
  ['[203.0.113.7]', PEER],
  ['fe80::1%eth0', PEER],
  ['203.0.113.7 203.0.113.8', PEER],
  [`203.0.113.7${', 10.0.0.2'.repeat(31)}`, '203.0.113.7'],
  [`203.0.113.7${', 10.0.0.2'.repeat(32)}`, PEER],
];

for (const [list, client] of FORWARDED_FOR) {
  test(`X-Forwarded-For: ${list.slice(0, 60)} is of ${client}`, () => assert.is(clientOf('A', 'b', 'x-forwarded-for', list), client));
}

const FORWARDED: readonly (readonly [list: string, client: string])[] = [
  ['for=203.0.113.7', '203.0.113.7'],
  ['For="203.0.113.7:4711";proto=https;host="a;b,c"', PEER],
  ['for=6.6.6.6, for=203.0.113.7;proto=https;by=10.0.0.1', '203.0.113.7'],
  ['proto=http; for="[2001:db8::7]:80" ;host="a", for=10.0.0.2', '2001:db8::7'],
  // A client controls its Host, and with it the text between those quotes.
  ['host="a;for=6.6.6.6;b";for=203.0.113.7', '203.0.113.7'],
  ['for=203.0.113.7;host="a,for=6.6.6.6"', PEER],
  ['for=203.0.113.7;host="a,for=6.6.6.6;b=\\"c"', PEER],
  ['for=203.0.113.7;for=6.6.6.6', PEER],
  ['", for=203.0.113.7', '203.0.113.7'],
  ['for=unknown', PEER],
  ['for=_hidden, for=10.0.0.2', PEER],
  ['proto=https', PEER],
  ['for=203.0.113.7 proto=http', PEER],
  ['for="203.0.113.7', PEER],
  ['for=', PEER],
  ['', PEER],
];

for (const [list, client] of FORWARDED) {
  test(`Forwarded: ${list} is of ${client}`, () => assert.is(clientOf('Forwarded', list), client));
}

test('several lines are one list, and X-Forwarded-For wins', () => {
  assert.is(clientOf('X-Forwarded-For', '6.6.6.6', 'X-FORWARDED-FOR', '203.0.113.7', 'x-forwarded-for', '10.0.0.2'), '203.0.113.7');
  assert.is(clientOf('Forwarded', 'for=203.0.113.8', 'X-Forwarded-For', '203.0.113.7'), '203.0.113.7');
  assert.is(clientOf('Forwarded', 'for=203.0.113.8', 'X-Forwarded-For', 'unknown'), PEER);
  assert.is(clientOf('X-Forwarded-Fox', '6.6.6.6', 'Xyforwarded-For', '6.6.6.6'), PEER);
});

test('headers of an untrusted peer are ignored', () => {
  const headers = ['X-Forwarded-For', '6.6.6.6', 'Forwarded', 'for=6.6.6.6'];
  assert.is(clientAddressOf({ address: '192.0.2.1', isTrusted: false }, headers, isTrusted), '192.0.2.1');
});

test('any headers give an address, in linear time', () => {
  const random = new Random(3);
  const parts = ['for=', '10.0.0.2', '203.0.113.7', ',', ';', '"', '\\', ' ', '[', ']', '::1', ':', 'host=', '\xff'];
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: random.below(12) }, () => parts[random.below(parts.length)]).join('');
    for (const name of ['X-Forwarded-For', 'Forwarded']) assert.match(clientOf(name, text), /^[\da-f.:]+$/);
  }
  const long = 'for="a'.repeat(50_000);
  assert.is(clientOf('Forwarded', long), PEER);
});

test.run();
