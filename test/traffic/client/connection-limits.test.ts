// Connection limits: in all and per client, which addresses count as one client, and that no state is left behind.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { ConnectionLimits } from '../../../lib/traffic/client/connection-limits.js';
import { buildTrust } from '../../../lib/traffic/client/trusted.js';

const test = suite('connection limits');

const nobody = buildTrust([]);

test('the total limit comes first, and a place that was freed is available again', () => {
  const limits = new ConnectionLimits(2, 1, nobody);
  assert.is(limits.open('192.0.2.1'), 'ok');
  assert.is(limits.open('192.0.2.1'), 'client');
  assert.is(limits.open('192.0.2.2'), 'ok');
  assert.is(limits.open('192.0.2.2'), 'all');
  assert.is(limits.count, 2);
  limits.close('192.0.2.1');
  assert.is(limits.count, 1);
  assert.is(limits.open('192.0.2.1'), 'ok');
});

test('trusted proxies count towards the total only', () => {
  const limits = new ConnectionLimits(4, 1, buildTrust(['10.0.0.0/8']));
  assert.equal(
    ['10.0.0.1', '10.0.0.1', '::ffff:10.0.0.1', '192.0.2.1', '192.0.2.2'].map((address) => limits.open(address)),
    ['ok', 'ok', 'ok', 'ok', 'all'],
  );
  assert.is(limits.clients, 1);
});

test('0 sets no limit for a client, and counts none', () => {
  const limits = new ConnectionLimits(1000, 0, nobody);
  for (let i = 0; i < 1000; i++) assert.is(limits.open('192.0.2.1'), 'ok');
  assert.is(limits.clients, 0);
  assert.is(limits.open('192.0.2.1'), 'all');
});

test('the addresses of an IPv6 /64 are one client, and so is an IPv4 address in both of its forms', () => {
  const same: readonly (readonly string[])[] = [
    ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff::', '2001:db8:1:2::1%eth0'],
    ['2001:db8::1', '2001:db8::', '2001:db8::ffff:0:0:1', '2001:db8:0:0:1::'],
    ['::1', '::', '::a:b:c:d', '::192.0.2.1'],
    ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'],
    ['2001:db8:1::4:5:6:7', '2001:db8:1:0:4:5:6:7'],
    ['unknown', 'unknown', ''],
    ['::3:1:0:0:0:1', '0:0:3:1::', '::3:1:a:b:c:d'],
  ];
  const limits = new ConnectionLimits(1000, 1, nobody);
  for (const addresses of same) {
    assert.is(limits.open(addresses[0] as string), 'ok', addresses[0]);
    for (const address of addresses) assert.is(limits.open(address), 'client', `${addresses[0]} and ${address}`);
  }
  assert.is(limits.clients, same.length);
  for (const addresses of same) limits.close(addresses.at(-1) as string);
  assert.is(limits.clients, 0);
  assert.is(limits.count, 0);
});

test('an extra close does not make the count negative', () => {
  const limits = new ConnectionLimits(1, 1, nobody);
  limits.close('192.0.2.1');
  assert.is(limits.count, 0);
  assert.is(limits.open('192.0.2.1'), 'ok');
  assert.is(limits.open('192.0.2.1'), 'all');
});

test('however connections come and go, the counts are right and nothing is left behind', () => {
  const random = new Random(3);
  const limits = new ConnectionLimits(40, 3, buildTrust(['10.0.0.0/24']));
  const open: string[] = [];
  for (let round = 0; round < 20_000; round++) {
    if (random.below(2) === 0) {
      const address = `${random.below(4) === 0 ? '10' : '192'}.0.0.${random.below(30)}`;
      const own = open.filter((other) => other === address).length;
      const expected = open.length >= 40 ? 'all' : own >= 3 && !address.startsWith('10') ? 'client' : 'ok';
      assert.is(limits.open(address), expected);
      if (expected === 'ok') open.push(address);
    } else {
      const [gone] = open.splice(random.below(open.length), 1);
      if (gone !== undefined) limits.close(gone);
    }
    assert.is(limits.count, open.length);
    assert.is(limits.clients, new Set(open.filter((address) => !address.startsWith('10'))).size);
  }
  for (const address of open) limits.close(address);
  assert.is(limits.clients, 0);
});

test.run();
