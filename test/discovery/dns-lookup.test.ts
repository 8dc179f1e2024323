// Look-ups of names and services against a DNS server on loopback: both families, shares of targets, what stays unanswered
// in part, and the system resolver for what DNS does not know.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDnsLookup, dnsLookupBy } from '../../lib/discovery/dns-lookup.js';
import type { Lookup } from '../../lib/health/host-addresses.js';
import { type DnsServerStage, withDnsServer } from '../support/dns-server.js';

const test = suite('DNS look-up');

const lookupAt = ({ port }: DnsServerStage) => dnsLookupBy([{ address: '127.0.0.1', port }]);
const reasonOf = (looked: Promise<unknown>): Promise<string> =>
  looked.then(
    () => 'found',
    (error: unknown) => (error as Error).message,
  );

test('a name stands for all of its addresses, for as long as the shortest TTL', () =>
  withDnsServer(async (server) => {
    server.set('api.test A', [
      ['A', '10.0.0.8', 30],
      ['A', '10.0.0.7', 30],
    ]);
    server.set('api.test AAAA', [['AAAA', 'fd00::1', 5]]);
    const { found, ttlMs, unanswered } = await lookupAt(server).addresses('api.test');
    assert.equal(
      found.map(({ address, port, name, priority, weight }) => [address, port, name, priority, weight]),
      ['10.0.0.8', '10.0.0.7', 'fd00::1'].map((address) => [address, null, 'api.test', 0, 1]),
    );
    assert.equal([ttlMs, unanswered], [5000, []]);
  }));

test('a name with addresses of one family is found; the other one is either none or unanswered', () =>
  withDnsServer(async (server) => {
    server.set('api.test A', [['A', '10.0.0.7']]);
    assert.equal((await lookupAt(server).addresses('api.test')).unanswered, []);
    server.set('api.test AAAA', 'servfail');
    const { found, unanswered } = await lookupAt(server).addresses('api.test');
    assert.equal([found.length, unanswered], [1, [{ name: 'api.test', family: 6, reason: '127.0.0.1 answered SERVFAIL' }]]);
  }));

test('no addresses, no such name and a failing server are failures with a reason', () =>
  withDnsServer(async (server) => {
    const { addresses } = lookupAt(server);
    assert.is(await reasonOf(addresses('nobody.test')), 'nobody.test does not exist');
    server.set('empty.test A', []);
    server.set('empty.test AAAA', []);
    assert.is(await reasonOf(addresses('empty.test')), 'empty.test has no addresses');
    server.set('empty.test AAAA', 'servfail');
    assert.is(await reasonOf(addresses('empty.test')), '127.0.0.1 answered SERVFAIL');
    server.set('blocked.test A', [
      ['A', '0.0.0.0'],
      ['A', '239.1.2.3'],
    ]);
    server.set('blocked.test AAAA', [
      ['AAAA', '::'],
      ['AAAA', 'ff02::1'],
    ]);
    assert.is(await reasonOf(addresses('blocked.test')), 'blocked.test has no addresses', 'none that a host can have');
  }));

test('a service stands for its targets with port, priority and weight; the addresses of one target share its weight', () =>
  withDnsServer(async (server) => {
    server.set('_api._tcp.test SRV', [
      ['SRV', [10, 60, 3001, 'b.test'], 9],
      ['SRV', [0, 30, 3000, 'a.test'], 9],
      ['SRV', [0, 0, 0, 'no-port.test'], 9],
      ['SRV', [0, 0, 80, '-bad-'], 9],
    ]);
    server.set('a.test A', [
      ['A', '10.0.0.1', 8],
      ['A', '10.0.0.2', 8],
    ]);
    server.set('b.test A', [['A', '10.0.0.3', 20]]);
    const { found, ttlMs } = await lookupAt(server).service('_api._tcp.test');
    assert.equal(
      found.map(({ address, port, name, priority, weight }) => [address, port, name, priority, weight]),
      [
        ['10.0.0.1', 3000, 'a.test', 0, 15],
        ['10.0.0.2', 3000, 'a.test', 0, 15],
        ['10.0.0.3', 3001, 'b.test', 10, 60],
      ],
    );
    assert.is(ttlMs, 8000);
  }));

test('a target that cannot be resolved is unanswered while others are found; without any the service fails', () =>
  withDnsServer(async (server) => {
    server.set('_api._tcp.test SRV', [
      ['SRV', [0, 1, 80, 'a.test'], 9],
      ['SRV', [0, 1, 80, 'b.test'], 9],
    ]);
    server.set('a.test A', [['A', '10.0.0.1']]);
    const { service } = lookupAt(server);
    const { found, unanswered } = await service('_api._tcp.test');
    assert.equal(
      [found.map(({ address }) => address), unanswered],
      [['10.0.0.1'], [{ name: 'b.test', family: null, reason: 'b.test does not exist' }]],
    );
    server.set('a.test A', 'nxdomain');
    assert.is(await reasonOf(service('_api._tcp.test')), 'a.test does not exist');
    // RFC 2782: the service is decidedly not available.
    server.set('_api._tcp.test SRV', [['SRV', [0, 0, 0, '.']]]);
    assert.is(await reasonOf(service('_api._tcp.test')), '_api._tcp.test has no SRV records with a target');
    assert.is(await reasonOf(service('_none._tcp.test')), '_none._tcp.test has no SRV records with a target');
  }));

test('what DNS does not know the system resolver may: the hosts file, and short names; its answer counts for 5 s', async () => {
  const asked: string[] = [];
  const system: Lookup = async (name) => {
    asked.push(name);
    if (name !== 'db') throw new Error('ENOTFOUND');
    return [
      { address: '10.0.0.7', family: 4 },
      { address: '::', family: 6 },
    ];
  };
  await withDnsServer(async (server) => {
    server.set('api.test A', [['A', '10.0.0.8']]);
    const { addresses } = createDnsLookup(() => [{ address: '127.0.0.1', port: server.port }], system);
    const { found, ttlMs } = await addresses('db');
    assert.equal([found.map(({ address }) => address), ttlMs], [['10.0.0.7'], 5000]);
    assert.is(await reasonOf(addresses('nobody.test')), 'nobody.test does not exist');
    await addresses('api.test');
    assert.equal(asked, ['db', 'nobody.test']);
  });
});

test.run();
