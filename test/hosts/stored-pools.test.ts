// The pools as the master shows them: what is summed up, when it is written, and what is removed. In virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { poolRowsOf, StoredPools } from '../../lib/hosts/stored-pools.js';
import type { PoolRow } from '../../lib/model.js';
import { buildRow } from '../support/host-rows.js';
import { siteOf } from '../support/site-documents.js';

const test = suite('stored pools');

const SITE = siteOf('version: 1\npools: { web: { algorithm: resource }, api: {} }\nroutes: [{ to: { web: 1, api: 1 } }]\n');
const row = (name: string, fields: Partial<PoolRow> = {}): PoolRow => ({
  name,
  hosts: 0,
  up: 0,
  rps: 0,
  inflight: 0,
  algorithm: null,
  ...fields,
});

test('a pool is the sum of its hosts; pools without hosts are there too, but for default', () => {
  const hosts = [
    buildRow('web/a', { fleetRps: 1.5, inflight: 2, longLived: 3 }),
    buildRow('web/b', { fleetRps: 2, state: 'down' }),
    buildRow('web/c', { fleetRps: 0.25, state: 'silent' }),
    buildRow('gone/c', { fleetRps: 9, inflight: 9 }),
  ];
  const web = row('web', { hosts: 3, up: 1, rps: 3.75, inflight: 5, algorithm: 'resource' });
  assert.equal(poolRowsOf(hosts, SITE), [web, row('api')]);
  assert.equal(poolRowsOf([buildRow('h'), ...hosts], SITE), [row('default', { hosts: 1, up: 1 }), web, row('api')]);
  assert.equal(poolRowsOf([buildRow('h'), ...hosts], null), [row('default', { hosts: 1, up: 1 })]);
  assert.equal(poolRowsOf([], null), []);
});

test('what changed is written, not more often than about once a second, and the rest every four seconds', () => {
  const stored = new StoredPools();
  const taken = (nowMs: number) => stored.take(10, nowMs).pools.map(({ name, rps }) => `${name} ${rps}`);
  stored.tick([row('a'), row('b')], 0);
  assert.equal([stored.isAnyDue(0), taken(0), stored.isAnyDue(0)], [true, ['a 0', 'b 0'], false]);
  stored.tick([row('a'), row('b', { rps: 1 })], 500);
  assert.equal([stored.isAnyDue(500), taken(500)], [false, []]);
  stored.tick([row('a'), row('b', { rps: 2 })], 1000);
  assert.equal(taken(1000), ['b 2']);
  stored.tick([row('a'), row('b', { rps: 2 })], 3999);
  assert.equal(taken(3999), []);
  stored.tick([row('a'), row('b', { rps: 2 })], 4000);
  assert.equal(taken(4000), ['a 0']);
});

test('a pool that is gone is removed once, also one that an earlier master stored, unless it is back or the write failed', () => {
  const stored = new StoredPools();
  stored.found(['old', 'a']);
  stored.tick([row('a'), row('b'), row('c')], 0);
  const first = stored.take(2, 0);
  assert.equal([first.pools.map(({ name }) => name), first.gonePools], [['a', 'b'], ['old']]);
  stored.failed(first);
  const again = stored.take(10, 1000);
  assert.equal([again.pools.map(({ name }) => name).toSorted(), again.gonePools], [['a', 'b', 'c'], ['old']]);
  assert.equal(stored.take(10, 1000), { pools: [], gonePools: [] });
  stored.tick([row('a')], 2000);
  stored.tick([row('a'), row('b')], 3000);
  const last = stored.take(10, 3000);
  assert.equal([last.pools.map(({ name }) => name), last.gonePools], [['b'], ['c']]);
  stored.tick([row('a'), row('b'), row('c')], 4000);
  stored.failed(last);
  assert.equal(stored.take(10, 4000).gonePools, [], 'it is back');
});

test.run();
