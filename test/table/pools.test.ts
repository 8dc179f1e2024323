// One table with hosts of several pools: each pool has candidates, medians and a panic of its own, and the index of a pool
// that is gone is not used again before the traffic thread agrees.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLEET, MAX_POOLS } from '../../lib/model.js';
import { readCounters, counterOf } from '../../lib/table/counters.js';
import { createTable, fleetOf, openTable } from '../../lib/table/layout.js';
import { PoolIndexes } from '../../lib/table/pool-indexes.js';
import { TableReader } from '../../lib/table/reader.js';
import { TableWriter } from '../../lib/table/writer.js';
import { candidatesOf } from '../support/candidates.js';
import { buildChange, buildRow, buildTable } from '../support/host-rows.js';

const test = suite('pools of a table');

const HOSTS = ['d1', 'd2', 'api/a1', 'api/a2', 'web/w1', 'gone/g1'];

/** A table with these hosts, known to the traffic thread, and the pools `api` and `web`. */
function openStage(rules = { maxEjectedPercent: 50, slowStartMs: 0 }) {
  const columns = openTable(createTable(16));
  const writer = new TableWriter(columns, counterOf(columns.counters), rules);
  writer.addPools(['api', 'web']);
  const { added } = writer.apply(
    buildTable(
      1,
      1,
      HOSTS.map((name) => buildRow(name)),
    ),
    0,
  );
  for (const { slot } of added) columns.known[slot] = 1;
  writer.admitKnown();
  let seq = 1;
  const poolIndex = (name: string): number => writer.pools.find(([each]) => each === name)?.[1] ?? -1;
  const nameOf = (slot: number): string => writer.hosts().find((host) => host.slot === slot)?.name ?? '?';
  return {
    columns,
    writer,
    poolIndex,
    change: (...rows: ReturnType<typeof buildRow>[]) => writer.apply(buildChange(1, ++seq, rows), 0),
    listed(pool: string): string[] {
      writer.rebuildCandidates(0);
      return candidatesOf(columns, poolIndex(pool)).map(nameOf);
    },
  };
}

test('each pool has its own candidates; a host whose pool the site does not have is in none', () => {
  const { listed } = openStage();
  assert.equal([listed('default'), listed('api'), listed('web')], [['d1', 'd2'], ['api/a1', 'api/a2'], ['web/w1']]);
});

test('a panic in one pool changes nothing in another', () => {
  const { columns, change, listed, poolIndex, writer } = openStage();
  change(buildRow('api/a1', { state: 'down' }), buildRow('api/a2', { state: 'down' }), buildRow('d1', { state: 'down' }));
  assert.equal([listed('default'), listed('api')], [['d2'], ['api/a1', 'api/a2']]);
  assert.equal(writer.panics, ['api']);
  assert.is(readCounters(columns.counters).panics, 1);
  const view = (name: string): TableReader => new TableReader(columns, 0, 9, poolIndex(name));
  assert.equal([view('api').isPanic, view('api').wellCount, view('default').isPanic, view('default').wellCount], [true, 0, false, 1]);
});

test('medians are those of the pool', () => {
  const { columns, change, writer, poolIndex } = openStage();
  change(buildRow('api/a1', { capacity: 8 }), buildRow('api/a2', { capacity: 8 }), buildRow('d1', { capacity: 2 }));
  writer.refreshNeutral(0);
  const capacity = (name: string): number => fleetOf(columns, poolIndex(name))[FLEET.neutralCapacity] as number;
  assert.equal([capacity('api'), capacity('default'), capacity('web')], [8, 2, Number.NaN]);
});

test('a reader follows its list wherever it lies, also when other pools grow', () => {
  const { columns, writer, poolIndex } = openStage();
  const web = new TableReader(columns, 0, 9, poolIndex('web'));
  writer.rebuildCandidates(0);
  const before = [...web.candidates().subarray(0, 2)];
  const { added } = writer.apply(
    buildTable(
      1,
      2,
      [...HOSTS, 'd3', 'api/a3'].map((name) => buildRow(name)),
    ),
    0,
  );
  for (const { slot } of added) columns.known[slot] = 1;
  for (let i = 0; i < 3; i++) {
    writer.rebuildCandidates(0);
    assert.equal([...web.candidates().subarray(0, 2)], before);
  }
});

test('a pool that comes takes its hosts in, and one that is dropped loses them', () => {
  const { writer, listed, columns, poolIndex } = openStage();
  const api = new TableReader(columns, 0, 9, poolIndex('api'));
  writer.addPools(['gone']);
  writer.dropPools(['api']);
  assert.equal([listed('gone'), listed('web'), listed('default')], [['gone/g1'], ['web/w1'], ['d1', 'd2']]);
  api.retire();
  assert.is(api.candidates()[0], 0);
  writer.dropPools(['gone', 'default']);
  writer.addPools(['api', 'web']);
  assert.equal(
    [listed('api'), listed('default')],
    [
      ['api/a1', 'api/a2'],
      ['d1', 'd2'],
    ],
  );
});

test('an operator takes out a host of one pool by its id, and of all pools by its name', () => {
  const columns = openTable(createTable(16));
  const writer = new TableWriter(columns, () => undefined);
  writer.addPools(['api', 'web']);
  const { added } = writer.apply(
    buildTable(
      1,
      1,
      ['x', 'api/x', 'web/x', 'web/y'].map((name) => buildRow(name)),
    ),
    0,
  );
  for (const { slot } of added) columns.known[slot] = 1;
  const listed = (): string[] => {
    writer.rebuildCandidates(0);
    return writer.pools
      .flatMap(([, index]) => candidatesOf(columns, index))
      .map((slot) => added.find((each) => each.slot === slot)?.name ?? '?');
  };
  writer.setOperatorStates(new Map([['api/x', 'drained' as const]]));
  assert.equal(listed(), ['x', 'web/x', 'web/y']);
  assert.equal(
    writer.setOperatorStates(new Map([['x', 'ejected' as const]])).map(({ name }) => name),
    ['x', 'api/x', 'web/x'],
  );
  assert.equal(listed(), ['web/y']);
});

test('an index is used again only after its pool was dropped, and a restarted thread keeps the indexes', () => {
  const pools = new PoolIndexes();
  assert.equal(pools.add(['a', 'b']), [
    ['a', 1],
    ['b', 2],
  ]);
  assert.equal(pools.add(['b', 'c']), [['c', 3]]);
  pools.drop(['a']);
  assert.equal(pools.add(['b', 'c', 'd']), [['d', 1]]);
  assert.equal(pools.of('a'), -1);
  assert.equal(new PoolIndexes(pools.all).all, pools.all);
});

test('hundred sites in a row use no more indexes than two of them', () => {
  const pools = new PoolIndexes();
  let most = 0;
  const namesOf = (i: number): string[] => Array.from({ length: 50 }, (_, j) => `p${i}-${j}`);
  for (let i = 0; i < 100; i++) {
    pools.add(namesOf(i));
    pools.drop(namesOf(i - 1));
    most = Math.max(most, ...pools.all.map(([, index]) => index));
  }
  assert.is(most, 100);
  pools.add(Array.from({ length: MAX_POOLS }, (_, j) => `q${j}`));
  assert.is(pools.all.length, MAX_POOLS, 'those beyond get none');
});

test('a host that the site names no more is out until its master publishes it again; one that reports is left to the master', () => {
  const { writer, listed, change } = openStage();
  change(buildRow('api/a1', { ageMs: null }), buildRow('api/a2', { ageMs: 10 }), buildRow('web/w1', { ageMs: null }));
  writer.setStatics([{ name: 'web/w1', url: buildRow('web/w1').url }]);
  writer.withdraw(['api/a1', 'api/a2', 'web/w1', 'api/unknown']);
  assert.equal([listed('api'), listed('web')], [['api/a2'], ['web/w1']]);
  assert.not(
    writer.rows(0).some(({ name }) => name === 'api/a1'),
    'nor does a new master inherit it',
  );
  change(buildRow('api/a1', { ageMs: null }));
  assert.equal(listed('api'), ['api/a1', 'api/a2']);
  writer.withdraw(['api/a1']);
  writer.setStatics([{ name: 'api/a1', url: buildRow('api/a1').url }]);
  assert.equal(listed('api'), ['api/a1', 'api/a2'], 'another site names it again');
});

test.run();
