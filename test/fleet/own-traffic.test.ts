// What a balancer's cumulative cells say of its last second: exact against a model of every request, over pools and slots
// that change hands, counts that wrap, and a fleet thread that was restarted.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OwnTraffic } from '../../lib/fleet/own-traffic.js';
import type { HostTraffic, PoolTraffic } from '../../lib/fleet-figures.js';
import { Random } from '../../lib/routing/random.js';
import { sparseOf } from '../../lib/sparse-latency.js';
import { bucketOf, LATENCY_BUCKETS } from '../../lib/table/latency-buckets.js';
import { createTable, openTable, type TableColumns } from '../../lib/table/layout.js';
import * as cells from '../../lib/table/traffic-cells.js';

const test = suite('own traffic');

const columnsOf = (slots = 16): TableColumns => openTable(createTable(slots));
const POOLS = [['default', 0] as const];
const NO_REASON = (): undefined => undefined;
const hostOf = (slot: number, name = `h${slot}`) => ({ slot, name, url: 'http://h:1' });

/** Makes the traffic thread know a host. */
function know(columns: TableColumns, slot: number): void {
  cells.clearHostTraffic(columns, slot);
  columns.known[slot] = 1;
}

test('what is read is what happened since, request by request', () => {
  const random = new Random(3);
  const columns = columnsOf();
  const own = new OwnTraffic(columns);
  const pools = [['default', 0] as const, ['api', 1] as const];
  const hosts = Array.from({ length: 8 }, (_, slot) => hostOf(slot));
  for (const { slot } of hosts) know(columns, slot);
  assert.equal(own.take(pools, hosts, NO_REASON), { pools: [], hosts: [] });
  for (let second = 0; second < 60; second++) {
    const model = {
      pools: new Map<string, { requests: number; errors: number; latency: Uint32Array }>(),
      hosts: new Map<string, { attempts: number; errors: number; latency: Uint32Array }>(),
    };
    const add = (counts: Uint32Array, ms: number): void => void (counts[bucketOf(ms)] = (counts[bucketOf(ms)] as number) + 1);
    for (let i = random.below(200); i > 0; i--) {
      const [name, pool] = pools[random.below(2)] as (typeof pools)[0];
      const slot = random.below(4);
      const status = random.below(10) === 0 ? 503 : 200;
      const ms = 0.1 + random.below(10_000) / 10;
      cells.recordAttempt(columns, slot);
      cells.recordHostLatency(columns, slot, ms);
      cells.recordAnswer(columns, pool, 'GET', status, status === 503, ms, 1, 1);
      const ofPool = model.pools.get(name) ?? { requests: 0, errors: 0, latency: new Uint32Array(LATENCY_BUCKETS) };
      const ofHost = model.hosts.get(`h${slot}`) ?? { attempts: 0, errors: 0, latency: new Uint32Array(LATENCY_BUCKETS) };
      ofPool.requests++;
      ofHost.attempts++;
      if (status === 503) {
        cells.recordHostError(columns, slot);
        ofPool.errors++;
        ofHost.errors++;
      }
      add(ofPool.latency, ms);
      add(ofHost.latency, ms);
      model.pools.set(name, ofPool);
      model.hosts.set(`h${slot}`, ofHost);
    }
    const since = own.take(pools, hosts, NO_REASON);
    const poolsOfModel = [...model.pools].map(
      ([name, { requests, errors, latency }]): PoolTraffic => ({ name, requests, errors, inflight: 0, latency: sparseOf(latency) }),
    );
    const hostsOfModel = [...model.hosts].map(
      ([name, { attempts, errors, latency }]): HostTraffic => ({ name, attempts, errors, latency: sparseOf(latency) }),
    );
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
    assert.equal(since.pools.toSorted(byName), poolsOfModel.toSorted(byName));
    assert.equal(since.hosts.toSorted(byName), hostsOfModel.toSorted(byName));
  }
});

test('what is in flight is said while there is anything, and requests of no pool have a row without a name', () => {
  const columns = columnsOf();
  const own = new OwnTraffic(columns);
  own.take(POOLS, [], NO_REASON);
  cells.countOpenRequests(columns, 0, 1);
  cells.recordAnswer(columns, cells.NO_POOL_INDEX, 'GET', 404, false, 1, 0, 0);
  const nothing = { requests: 0, errors: 0, latency: [] };
  const { pools } = own.take(POOLS, [], NO_REASON);
  assert.equal(pools, [
    { name: 'default', inflight: 1, ...nothing },
    { name: '', inflight: 0, requests: 1, errors: 0, latency: [bucketOf(1), 1] },
  ]);
  cells.countOpenRequests(columns, 0, -1);
  assert.equal(own.take(POOLS, [], NO_REASON).pools, []);
});

test('a slot that another host gets starts anew, and cells of the old one count for neither', () => {
  const columns = columnsOf();
  const own = new OwnTraffic(columns);
  know(columns, 0);
  own.take(POOLS, [hostOf(0, 'old')], NO_REASON);
  for (let i = 0; i < 5; i++) cells.recordAttempt(columns, 0);
  assert.is(own.take(POOLS, [hostOf(0, 'old')], NO_REASON).hosts[0]?.attempts, 5);
  // The fleet thread has given the slot away; the traffic thread does not know the new host yet.
  columns.known[0] = 0;
  assert.equal(own.take(POOLS, [hostOf(0, 'new')], NO_REASON).hosts, []);
  know(columns, 0);
  for (let i = 0; i < 7; i++) {
    cells.recordAttempt(columns, 0);
    cells.recordHostLatency(columns, 0, 3);
  }
  assert.equal(own.take(POOLS, [hostOf(0, 'new')], NO_REASON).hosts, [{ name: 'new', attempts: 7, errors: 0, latency: [bucketOf(3), 7] }]);
});

test('a host that left and came back to its slot between two readings starts anew', () => {
  const columns = columnsOf();
  const own = new OwnTraffic(columns);
  know(columns, 0);
  own.take(POOLS, [hostOf(0)], NO_REASON);
  for (let i = 0; i < 5; i++) cells.recordAttempt(columns, 0);
  own.take(POOLS, [hostOf(0)], NO_REASON);
  know(columns, 0);
  cells.recordAttempt(columns, 0);
  assert.is(own.take(POOLS, [hostOf(0)], NO_REASON).hosts[0]?.attempts, 1);
});

test('the index of a dropped pool that another pool gets starts anew', () => {
  const columns = columnsOf();
  const own = new OwnTraffic(columns);
  own.take([['old', 1]], [], NO_REASON);
  cells.recordAnswer(columns, 1, 'GET', 200, false, 4, 0, 0);
  assert.is(own.take([['old', 1]], [], NO_REASON).pools[0]?.requests, 1);
  assert.equal(own.take([['new', 1]], [], NO_REASON).pools, []);
  cells.recordAnswer(columns, 1, 'GET', 200, false, 4, 0, 0);
  assert.equal(own.take([['new', 1]], [], NO_REASON).pools, [
    { name: 'new', requests: 1, errors: 0, inflight: 0, latency: [bucketOf(4), 1] },
  ]);
});

test('a restarted fleet thread does not count what was before it as its first second', () => {
  const columns = columnsOf();
  know(columns, 0);
  for (let i = 0; i < 1000; i++) {
    cells.recordAttempt(columns, 0);
    cells.recordHostLatency(columns, 0, 3);
    cells.recordAnswer(columns, 0, 'GET', 200, false, 3, 0, 0);
  }
  const own = new OwnTraffic(columns);
  assert.equal(own.take(POOLS, [hostOf(0)], NO_REASON), { pools: [], hosts: [] });
  cells.recordHostLatency(columns, 0, 3);
  cells.recordAnswer(columns, 0, 'GET', 200, false, 3, 0, 0);
  const { pools, hosts } = own.take(POOLS, [hostOf(0)], NO_REASON);
  assert.equal([pools[0]?.requests, pools[0]?.latency], [1, [bucketOf(3), 1]]);
  assert.equal(hosts, [{ name: 'h0', attempts: 0, errors: 0, latency: [bucketOf(3), 1] }]);
});

test('a count of latencies that wraps goes on', () => {
  const columns = columnsOf();
  know(columns, 0);
  const bucket = bucketOf(3);
  columns.hostLatency[bucket] = 0xffff_fffe;
  columns.hostLatencySumMs[0] = 1;
  columns.attempts[0] = 1;
  const own = new OwnTraffic(columns);
  own.take(POOLS, [hostOf(0)], NO_REASON);
  for (let i = 0; i < 5; i++) cells.recordHostLatency(columns, 0, 3);
  assert.equal(own.take(POOLS, [hostOf(0)], NO_REASON).hosts[0]?.latency, [bucket, 5]);
});

test('an ejected host is said with the reason while it is ejected, also without traffic', () => {
  const columns = columnsOf();
  know(columns, 0);
  know(columns, 1);
  const own = new OwnTraffic(columns);
  const hosts = [hostOf(0), hostOf(1)];
  own.take(POOLS, hosts, NO_REASON);
  columns.ejectedUntil[1] = Number.POSITIVE_INFINITY;
  const why = (host: string): string | undefined => (host === 'h1' ? 'reset' : undefined);
  const nothing = { attempts: 0, errors: 0, latency: [] };
  assert.equal(own.take(POOLS, hosts, why).hosts, [{ name: 'h1', ...nothing, ejected: 'reset' }]);
  assert.equal(own.take(POOLS, hosts, NO_REASON).hosts, [{ name: 'h1', ...nothing, ejected: 'unknown' }]);
  columns.ejectedUntil[1] = 0;
  assert.equal(own.take(POOLS, hosts, why).hosts, []);
});

test.run();
