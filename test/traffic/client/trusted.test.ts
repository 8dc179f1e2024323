// Addresses in plain words, and who is within the networks of --trust.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildTrust, plainAddress } from '../../../lib/traffic/client/trusted.js';

const test = suite('trusted');

test('an address is shown without disguise', () => {
  const table: readonly [string | undefined, string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['::ffff:0:1', '0.0.0.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::1', '::1'],
    ['::fffe:192.0.2.1', '::fffe:192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['', 'unknown'],
    [undefined, 'unknown'],
  ];
  for (const [address, plain] of table) assert.is(plainAddress(address), plain, String(address));
});

test('networks hold what is within them and nothing else', () => {
  const table: readonly [string[], string, boolean][] = [
    [['10.0.0.0/8'], '10.255.255.255', true],
    [['10.0.0.0/8'], '11.0.0.0', false],
    [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
    [['10.0.0.0/8'], '::ffff:a01:203', true],
    [['10.0.0.0/8'], '::10.1.2.3', false],
    [['192.0.2.7'], '192.0.2.7', true],
    [['192.0.2.7/32'], '192.0.2.8', false],
    [['0.0.0.0/0'], '203.0.113.9', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [['::/0'], '2001:db8::1', true],
    [['::/0'], '203.0.113.9', false],
    [['::/0'], '::ffff:203.0.113.9', false],
    [['2001:db8::/32'], '2001:db8:ffff::', true],
    [['2001:db8::/32'], '2001:db9::', false],
    [['fe80::/10'], 'fe80::1%eth0', true],
    [['::1'], '::1', true],
    [['::ffff:10.0.0.0/104'], '10.9.9.9', true],
    [['::ffff:10.0.0.0/104'], '11.9.9.9', false],
    [['::ffff:10.0.0.1'], '10.0.0.1', true],
    [['::ffff:10.0.0.0/64'], '10.0.0.1', false],
    [['127.0.0.0/8', 'fd00::/8'], 'fd12::1', true],
    [['0.0.0.0/0', '::/0'], 'unknown', false],
    [['0.0.0.0/0', '::/0'], '', false],
    [['0.0.0.0/0', '::/0'], '1.2.3', false],
  ];
  for (const [cidrs, address, isWithin] of table) assert.is(buildTrust(cidrs)(address), isWithin, `${cidrs.join(' ')} ${address}`);
});

test('an empty list trusts nobody, by one function that does nothing', () => {
  assert.is(buildTrust([])('127.0.0.1'), false);
  assert.is(buildTrust([]), buildTrust([]));
});

test.run();
