// What requests cost, by pool: which pools share a model, what becomes of it when that changes, and how many are fitted at
// a time. In virtual time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { PoolCosts } from '../../lib/hosts/pool-costs.js';

const test = suite('pool costs');

const hosts = (...ids: readonly string[]) => ids.map((name) => ({ name, url: `http://${name.replace('/', '.')}:1` }));
/** One machine in all of these pools. */
const shared = (...pools: readonly string[]) => pools.map((pool) => ({ name: `${pool}/h`, url: 'http://h:1' }));
const published = (costs: PoolCosts): Record<string, number> =>
  Object.fromEntries(costs.published.map(([key, costMs]) => [key, Math.round(costMs)]));

/** Requests of one class, which took this long each. */
function finish(costs: PoolCosts, pool: string, key: string, ms: number, atMs: number, count = 100): void {
  costs.finished(pool, `http://${pool}.h:1`, key, { count, busyMs: count * ms }, atMs, 20);
}

test('pools with machines of their own learn for themselves, and costs of one pool change nothing in another', () => {
  const costs = new PoolCosts();
  const those = hosts('h', 'api/h', 'web/h');
  costs.group(those, 0);
  finish(costs, 'default', 'GET /a', 10, 500);
  finish(costs, 'api', 'api/GET /a', 200, 500);
  finish(costs, 'api', 'web/GET /a', 7, 500);
  assert.equal(
    [...costs.tick(1000)].map(([pool, { growth, moved }]) => [pool, Math.round(growth), moved]),
    [
      ['default', 10, 0],
      ['api', 200, 0],
    ],
  );
  assert.equal(published(costs), { 'GET /a': 10, 'api/GET /a': 200 }, 'not what another pool is said to have served');
  assert.equal([costs.isChanged, costs.takeChange()?.length, costs.isChanged, costs.takeChange()], [true, 2, false, null]);
  costs.group(those, 1000);
  for (let i = 0; i < 10; i++) finish(costs, 'api', 'api/GET /a', 400, 1500);
  assert.equal([...costs.tick(2000).keys()], ['api']);
  assert.equal(
    costs.estimates().map(({ name }) => name),
    ['api/GET /a', 'GET /a'],
    'by total work',
  );
});

test('a pool without hosts keeps its costs for a minute, and the pool default forever', () => {
  const costs = new PoolCosts();
  costs.seed([
    ['GET /a', 5],
    ['api/GET /a', 7],
    ['old/GET /a', 9],
  ]);
  costs.group(hosts('api/h'), 0);
  costs.tick(0);
  assert.equal([costs.takeChange(), published(costs)], [null, { 'GET /a': 5, 'api/GET /a': 7, 'old/GET /a': 9 }]);
  costs.group(hosts('api/h'), 59_999);
  assert.is(costs.isChanged, false);
  costs.group(hosts('api/h'), 60_000);
  assert.is(costs.isChanged, true);
  assert.equal(Object.fromEntries(costs.takeChange() ?? []), { 'GET /a': 5, 'api/GET /a': 7 });
  costs.group([], 119_999);
  assert.is(costs.isChanged, false, 'it had hosts a minute ago');
  costs.group([], 120_000);
  assert.equal(Object.fromEntries(costs.takeChange() ?? []), { 'GET /a': 5 });
});

test('when pools begin and cease to share a machine, their costs stay', () => {
  const costs = new PoolCosts();
  costs.group(hosts('api/h', 'web/h', 'far/h'), 0);
  finish(costs, 'api', 'api/GET /a', 10, 500);
  finish(costs, 'web', 'web/GET /b', 20, 500);
  finish(costs, 'far', 'far/GET /c', 30, 500);
  costs.tick(1000);
  const all = { 'api/GET /a': 10, 'web/GET /b': 20, 'far/GET /c': 30 };
  assert.equal(published(costs), all);
  costs.takeChange();
  for (const [second, those] of [shared('api', 'web'), shared('api'), hosts('api/h', 'web/h'), shared('web', 'api', 'far')].entries()) {
    costs.group([...those, ...hosts('far/h')], 1000 * second + 1000);
    assert.equal([costs.tick(1000 * second + 2000).size, published(costs), costs.takeChange()], [0, all, null], `${second}`);
  }
});

test('pools that share machines by way of a third are one group, whatever the order of their hosts', () => {
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 3, 0, 2],
  ]) {
    const costs = new PoolCosts();
    const machines = [
      { name: 'a/h', url: 'http://one:1' },
      { name: 'b/h', url: 'http://one:1' },
      { name: 'b/g', url: 'http://two:1' },
      { name: 'c/g', url: 'http://two:1' },
    ];
    costs.group(
      order.map((at) => machines[at] as (typeof machines)[0]),
      0,
    );
    // Of one model: a report in one pool, and requests of another explain it.
    for (let second = 1; second <= 40; second++) {
      const count = 20 + ((second * 7) % 13) * 4;
      costs.finished('c', 'http://two:1', 'c/GET /a', { count, busyMs: 60 * count }, 1000 * second, 20);
      costs.observe('a', 'http://two:1', { cpuMs: 20 * count, cores: 8 }, 1000 * second, 1000);
      costs.tick(1000 * second);
    }
    const [estimate] = costs.estimates();
    assert.ok((estimate?.confidence ?? 0) > 0 && Math.abs((estimate?.costMs ?? 0) - 20) < 3, JSON.stringify(estimate));
  }
});

test('one model is fitted per tick, and each has its turn', () => {
  const costs = new PoolCosts();
  const pools = Array.from({ length: 8 }, (_, i) => `p${i}`);
  const those = hosts(...pools.map((pool) => `${pool}/h`));
  costs.group(those, 0);
  const fitted = (): string[] =>
    costs
      .estimates()
      .filter(({ confidence }) => confidence > 0)
      .map(({ name }) => name)
      .toSorted();
  const firstSeen: number[] = [];
  for (let second = 1; second <= 60; second++) {
    for (const pool of pools) {
      const count = 20 + ((second * 7) % 13) * 4;
      finish(costs, pool, `${pool}/GET /a`, 60, 1000 * second, count);
      costs.observe(pool, `http://${pool}.h:1`, { cpuMs: 20 * count, cores: 8 }, 1000 * second, 1000);
    }
    costs.group(those, 1000 * second);
    const before = fitted().length;
    costs.tick(1000 * second);
    const after = fitted().length;
    assert.ok(after - before <= 1, `${after - before} in one tick`);
    if (after > before) firstSeen.push(second);
  }
  assert.is(firstSeen.length, 8);
  assert.is((firstSeen.at(-1) as number) - (firstSeen[0] as number), 7, 'one each second once they know enough');
});

test.run();
