// What discovery makes of answers, in virtual time: names, URLs and weights of hosts, when names are due, failures that
// change nothing, priorities, and bounds.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DiscoveredHost, Discovery, type DiscoverySource, MAX_FOUND } from '../../lib/discovery/discovery.js';
import type { Found, LookupResult } from '../../lib/discovery/dns-lookup.js';
import { originOf } from '../../lib/host-origin.js';
import { isHostId } from '../../lib/redis/names.js';

const test = suite('discovery');

const sourceOf = (url: string, more: Partial<DiscoverySource['host']> = {}, pool = 'default'): DiscoverySource => ({
  pool,
  host: { name: 'api', url, discovery: 'dns', weight: 1, ...more },
});
const API = sourceOf('http://api.test:3000');
const SRV = sourceOf('http://_api._tcp.test', { name: 'srv', discovery: 'srv' });

const at = (address: string, more: Partial<Found> = {}): Found => ({
  address,
  port: null,
  name: 'api.test',
  priority: 0,
  weight: 1,
  ...more,
});
const answer = (found: readonly Found[], ttlMs = 5000): LookupResult => ({ found, ttlMs, unanswered: [] });
const target = (address: string, priority: number, weight = 1, port = 80): Found => at(address, { priority, weight, port, name: 'h.test' });

const allUp = () => false;
const namesOf = (discovery: Discovery, isDown: (id: string) => boolean = allUp) => discovery.hosts(isDown).map(({ name }) => name);

function started(...sources: readonly DiscoverySource[]): Discovery {
  const discovery = new Discovery();
  discovery.setSources(sources, 0);
  discovery.takeDue(0, 100);
  return discovery;
}

test('each address is a host with a stable name, in one order whatever the order of the answer', () => {
  const discovery = started(API);
  const expected: DiscoveredHost[] = [
    { name: 'api-10.0.0.7', url: 'http://10.0.0.7:3000', authority: 'api.test:3000', weight: 1 },
    { name: 'api-10.0.0.8', url: 'http://10.0.0.8:3000', authority: 'api.test:3000', weight: 1 },
    { name: 'api-fd00--1', url: 'http://[fd00::1]:3000', authority: 'api.test:3000', weight: 1 },
  ];
  for (const order of [
    ['10.0.0.7', '10.0.0.8', 'fd00::1'],
    ['fd00::1', '10.0.0.8', '10.0.0.7', '10.0.0.8'],
  ]) {
    discovery.onAnswer(API, answer(order.map((address) => at(address))), 0);
    assert.equal(discovery.hosts(allUp), expected);
  }
});

test('hosts that speak HTTP/2 are found by the same rules', () => {
  const [plain, tls] = [sourceOf('h2://api.test:50051'), sourceOf('h2+tls://_api._tcp.test', { name: 'srv', discovery: 'srv' })];
  const discovery = started(plain, tls);
  discovery.onAnswer(plain, answer([at('10.0.0.7'), at('fd00::1')]), 0);
  discovery.onAnswer(tls, answer([target('10.0.0.8', 0, 1, 443), target('10.0.0.8', 0, 1, 50051)]), 0);
  assert.equal(
    discovery.hosts(allUp).map(({ url, authority }) => [url, authority]),
    [
      ['h2://10.0.0.7:50051', 'api.test:50051'],
      ['h2://[fd00::1]:50051', 'api.test:50051'],
      ['h2+tls://10.0.0.8', 'h.test'],
      ['h2+tls://10.0.0.8:50051', 'h.test:50051'],
    ],
  );
});

test('hosts have the id of their pool, the scheme’s port when none is given, and for a service the port of the record', () => {
  const tls = sourceOf('https://api.test', { weight: 3 }, 'web');
  const discovery = started(tls, SRV);
  discovery.onAnswer(tls, answer([at('10.0.0.7')]), 0);
  discovery.onAnswer(SRV, answer([target('10.0.0.7', 0, 1, 80), target('10.0.0.7', 0, 1, 8443)]), 0);
  assert.equal(discovery.hosts(allUp), [
    { name: 'web/api-10.0.0.7', url: 'https://10.0.0.7', authority: 'api.test', weight: 3 },
    { name: 'srv-10.0.0.7-80', url: 'http://10.0.0.7', authority: 'h.test', weight: 1 },
    { name: 'srv-10.0.0.7-8443', url: 'http://10.0.0.7:8443', authority: 'h.test:8443', weight: 1 },
  ]);
});

test('a name is due again at its TTL, but at least 1 s and at most 60 s later, and not while it is being asked', () => {
  const discovery = new Discovery();
  discovery.setSources([API], 1000);
  assert.is(discovery.nextDueAtMs, 1000);
  assert.equal(discovery.takeDue(1000, 5), [API]);
  assert.equal([discovery.takeDue(9000, 5), discovery.nextDueAtMs], [[], Infinity]);
  for (const [ttlMs, waitMs] of [
    [0, 1000],
    [5000, 5000],
    [86_400_000, 60_000],
  ] as const) {
    discovery.onAnswer(API, answer([at('10.0.0.7')], ttlMs), 10_000);
    assert.is(discovery.nextDueAtMs, 10_000 + waitMs);
    assert.equal(discovery.takeDue(10_000 + waitMs - 1, 5), []);
    assert.equal(discovery.takeDue(10_000 + waitMs, 5), [API]);
  }
});

test('more names are due than may be asked: those that wait longest come first', () => {
  const sources = ['a', 'b', 'c'].map((name) => sourceOf(`http://${name}.test`, { name }));
  const discovery = new Discovery();
  discovery.setSources(sources, 0);
  assert.equal(discovery.takeDue(0, 3).length, 3);
  for (const [i, source] of sources.entries()) discovery.onAnswer(source, answer([at('10.0.0.1')], 5000 - 1000 * i), 0);
  assert.equal(
    discovery.takeDue(6000, 2).map(({ host }) => host.name),
    ['c', 'b'],
  );
});

test('a failure keeps the last answer, is news once, and is over with the next answer', () => {
  const discovery = started(API);
  assert.is(discovery.isComplete, false);
  assert.is(discovery.onFailure(API, 0), true);
  assert.equal([namesOf(discovery), discovery.nextDueAtMs, discovery.isComplete], [[], 1000, true]);
  assert.is(discovery.onFailure(API, 1000), false);
  assert.is(discovery.onAnswer(API, answer([at('10.0.0.7')]), 2000)?.isBack, true);
  assert.is(discovery.onAnswer(API, answer([at('10.0.0.7')]), 7000)?.isBack, false);
  assert.is(discovery.onFailure(API, 12_000), true);
  assert.equal([namesOf(discovery), discovery.nextDueAtMs], [['api-10.0.0.7'], 17_000]);
});

test('what stays unanswered in part keeps what was known of it, and nothing else', () => {
  const discovery = started(API);
  discovery.onAnswer(API, answer([at('10.0.0.7'), at('10.0.0.8'), at('fd00::1')]), 0);
  const part: LookupResult = { ...answer([at('10.0.0.8')]), unanswered: [{ name: 'api.test', family: 6, reason: 'SERVFAIL' }] };
  assert.equal(discovery.onAnswer(API, part, 0)?.reason, 'SERVFAIL');
  assert.equal(namesOf(discovery), ['api-10.0.0.8', 'api-fd00--1']);
  assert.equal(discovery.onAnswer(API, part, 0)?.reason, '', 'said once');
  assert.is(discovery.onAnswer(API, answer([at('10.0.0.8')]), 0)?.isBack, true);
  assert.equal(namesOf(discovery), ['api-10.0.0.8']);
});

test('names that stay keep their hosts when the names change; late answers for those that are gone are not wanted', () => {
  const other = sourceOf('http://other.test', { name: 'other' });
  const discovery = started(API);
  discovery.onAnswer(API, answer([at('10.0.0.7')]), 0);
  discovery.setSources([API, other], 100);
  assert.equal([namesOf(discovery), discovery.takeDue(100, 5)], [['api-10.0.0.7'], [other]]);
  discovery.setSources([other], 200);
  assert.equal(namesOf(discovery), []);
  assert.equal([discovery.onAnswer(API, answer([at('10.0.0.7')]), 300), discovery.onFailure(API, 300)], [undefined, undefined]);
  assert.equal(namesOf(discovery), []);
});

test('of a service the lowest priority is used; while all of it is down the next one too, and what is down stays to be checked', () => {
  const discovery = started(SRV);
  discovery.onAnswer(SRV, answer([target('10.0.0.3', 20), target('10.0.0.2', 10), target('10.0.0.1', 0), target('10.0.0.4', 0)]), 0);
  const down = new Set<string>();
  const names = () => namesOf(discovery, (id) => down.has(id)).map((name) => name.slice('srv-10.0.0.'.length, -'-80'.length));
  assert.equal(names(), ['1', '4']);
  down.add('srv-10.0.0.1-80');
  assert.equal(names(), ['1', '4']);
  down.add('srv-10.0.0.4-80');
  assert.equal(names(), ['1', '4', '2']);
  down.add('srv-10.0.0.2-80');
  assert.equal(names(), ['1', '4', '2', '3']);
  down.delete('srv-10.0.0.4-80');
  assert.equal(names(), ['1', '4']);
});

test('weights are shares within a priority: 1 is the mean, times the weight in the site; all 0 are alike', () => {
  const discovery = started(SRV);
  const weights = () => discovery.hosts(() => true).map(({ weight }) => weight);
  discovery.onAnswer(
    SRV,
    answer([target('10.0.0.1', 0, 60), target('10.0.0.2', 0, 20), target('10.0.0.3', 0, 40), target('10.0.0.4', 1, 7)]),
    0,
  );
  assert.equal(weights(), [1.5, 0.5, 1, 1]);
  discovery.onAnswer(SRV, answer([target('10.0.0.1', 0, 0), target('10.0.0.2', 0, 0)]), 0);
  assert.equal(weights(), [1, 1]);
  discovery.onAnswer(SRV, answer([target('10.0.0.1', 0, 0), target('10.0.0.2', 0, 65_535)]), 0);
  assert.equal(weights(), [0.001, 2], 'a weight of 0 beside others is a very small share');
});

test('of too many addresses the first ones are used, the same ones each time, and the rest is counted', () => {
  const discovery = started(API);
  const many = Array.from({ length: 1000 }, (_, i) => at(`10.0.${i >> 8}.${i & 255}`));
  const first = discovery.onAnswer(API, answer(many), 0);
  assert.equal([first?.dropped, first?.isOverfull], [1000 - MAX_FOUND, true]);
  const names = namesOf(discovery);
  assert.is(names.length, MAX_FOUND);
  assert.is(discovery.onAnswer(API, answer(many.toReversed()), 0)?.isOverfull, false);
  assert.equal(namesOf(discovery), names);
});

test('whatever the addresses, ids and URLs are valid, ids are unique, and the same answer gives the same hosts', () => {
  const found = fc.record({
    address: fc.oneof(
      fc.ipV4(),
      fc.ipV6().map((text) => new URL(`http://[${text}]`).hostname.slice(1, -1)),
    ),
    port: fc.option(fc.integer({ min: 1, max: 65_535 })),
    name: fc.constantFrom('a.test', 'b.test'),
    priority: fc.nat(3),
    weight: fc.nat(65_535),
  });
  fc.assert(
    fc.property(
      fc.array(found, { minLength: 1, maxLength: 40 }),
      fc.constantFrom(API, SRV, sourceOf('https://x.test', {}, 'web')),
      (all, source) => {
        const hostsOf = (list: readonly Found[]) => {
          const discovery = started(source);
          discovery.onAnswer(source, answer(list), 0);
          return discovery.hosts(() => true);
        };
        const hosts = hostsOf(all);
        assert.ok(hosts.every(({ name, url, weight }) => isHostId(name) && originOf(url) === url && weight >= 0.001 && weight <= 1000));
        assert.is(new Set(hosts.map(({ name }) => name)).size, hosts.length);
        assert.equal(
          hostsOf(all.toReversed()).map(({ name, url }) => [name, url]),
          hosts.map(({ name, url }) => [name, url]),
        );
      },
    ),
  );
});

test.run();
