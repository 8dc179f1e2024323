// The balancers of an overview: what heartbeats say, who is master, and the balancer that is asked with what it knows itself.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { composeBalancers, type SelfFacts } from '../../../lib/console/overview/compose-balancers.js';
import type { BalancerView } from '../../../lib/redis/fleet-view.js';

const test = suite('balancers of an overview');

const viewOf = (name: string, overrides: Partial<BalancerView> = {}): BalancerView => ({
  name,
  role: 'slave',
  url: `http://127.0.0.1/${name}`,
  machine: 'm',
  pid: 7,
  version: '0.1.0',
  since: '',
  term: 3,
  rps: 12,
  inflight: 2,
  cpu: 0.1,
  memoryBytes: 1e8,
  tableAgeMs: 20,
  redisRttMs: 0.5,
  exchangeMs: 25,
  leaseMs: null,
  fleetKey: '',
  noMaster: '',
  site: 4,
  siteRefused: '',
  counters: {},
  ...overrides,
});

const SELF: SelfFacts = {
  name: 'b2',
  url: 'http://127.0.0.1/b2',
  version: '0.1.0',
  role: 'slave',
  inflight: 9,
  term: 3,
  leaseMs: null,
  tableAgeMs: 7,
  redisRttMs: 0.3,
  site: 4,
  noMaster: '',
};

test('Balancers stand in order of succession, and the one that is asked has its own figures', () => {
  const [b1, b2] = composeBalancers({ views: [viewOf('b1', { leaseMs: 900 }), viewOf('b2')], isFresh: true }, SELF, 'b1');
  assert.equal([b1?.rank, b1?.role, b1?.leaseMs, b1?.isSelf, b1?.tableAgeMs], [0, 'master', 900, false, 20]);
  assert.equal([b2?.rank, b2?.role, b2?.inflight, b2?.isSelf, b2?.tableAgeMs, b2?.rps], [1, 'slave', 9, true, 7, 12]);
});

test('A master that has died is none, though its heartbeat still says so', () => {
  const [b1] = composeBalancers({ views: [viewOf('b1', { role: 'master', leaseMs: 900 })], isFresh: true }, SELF, 'b2');
  assert.is(b1?.role, 'slave');
  assert.is(b1?.leaseMs, null);
});

test('Who does not hear the master, or refuses the site, has a problem', () => {
  const views = [viewOf('b1', { noMaster: 'no table came' }), viewOf('b3', { siteRefused: 'line 3: no such pool' }), viewOf('b4')];
  assert.equal(
    composeBalancers({ views, isFresh: true }, { ...SELF, noMaster: 'alone' }, null).map(({ problem }) => problem),
    ['hears no master: no table came', 'does not go by the fleet’s site: line 3: no such pool', '', 'hears no master: alone'],
  );
});

test('While Redis is away it is known who there was, but of the others nothing else', () => {
  const [b1, b2] = composeBalancers({ views: [viewOf('b1'), viewOf('b2')], isFresh: false }, SELF, null);
  assert.equal([b1?.name, b1?.rps, b1?.cpu, b1?.tableAgeMs, b1?.site], ['b1', null, null, null, null]);
  assert.equal([b2?.name, b2?.rps, b2?.inflight, b2?.tableAgeMs], ['b2', null, 9, 7]);
});

test('A balancer that Redis does not list yet comes last', () => {
  const rows = composeBalancers({ views: [viewOf('b1')], isFresh: true }, SELF, 'b1');
  assert.equal(
    rows.map(({ name, rank, isSelf }) => [name, rank, isSelf]),
    [
      ['b1', 0, false],
      ['b2', 1, true],
    ],
  );
});

test.run();
