// Pools and hosts of an overview, over a real table: what the master published, what this balancer found out, what an operator set.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { composePools, type PoolSources } from '../../../lib/console/overview/compose-pools.js';
import type { FleetFigures } from '../../../lib/fleet-figures.js';
import { counterOf } from '../../../lib/table/counters.js';
import { createTable, openTable } from '../../../lib/table/layout.js';
import { TableWriter } from '../../../lib/table/writer.js';
import { buildRow, buildTable } from '../../support/host-rows.js';
import { buildFigures, NOON_MS } from '../../support/overviews.js';

const test = suite('pools of an overview');

const FIGURES: FleetFigures = {
  term: 1,
  mastership: '',
  atMs: NOON_MS,
  balancers: ['b1'],
  total: buildFigures(),
  pools: [{ name: 'api', ...buildFigures({ rps: 70 }) }],
  hosts: [{ name: 'api/a1', ...buildFigures({ rps: 70, errorRps: 1 }), p99Share: 0.4, ejectedBy: [['b2', 'errors']] }],
  picks: { balancers: [], hosts: [], picks: [] },
  slowest: [],
};

/** Hosts d1 (down), d2, api/a1 and one of a pool that the site does not have; 1 s after their reports. */
function openStage() {
  const columns = openTable(createTable(16));
  const writer = new TableWriter(columns, counterOf(columns.counters), { maxEjectedPercent: 50, slowStartMs: 0 });
  writer.addPools(['api']);
  const rows = [
    buildRow('d1', { state: 'down', cpu: null }),
    buildRow('d2', { work: 12, capacity: 3 }),
    buildRow('api/a1', { cpu: 0.25 }),
    buildRow('gone/g1'),
  ];
  const { added } = writer.apply(buildTable(1, 1, rows), 0);
  for (const { slot } of added) columns.known[slot] = 1;
  writer.admitKnown();
  writer.rebuildCandidates(0);
  const slotOf = (name: string): number => writer.hosts().find((host) => host.name === name)?.slot ?? -1;
  const compose = (overrides: Partial<PoolSources> = {}) =>
    composePools({
      columns,
      hosts: writer.hosts(),
      pools: writer.pools,
      maintenance: new Map(),
      algorithmOf: () => 'adaptive',
      figures: FIGURES,
      rpsHistoryOf: () => [],
      nowMs: 1000,
      atMs: NOON_MS,
      ...overrides,
    });
  const hostOf = (name: string) =>
    compose()
      .flatMap(({ hosts }) => hosts)
      .find((host) => host.name === name);
  return { columns, writer, slotOf, compose, hostOf };
}

test('Each pool has its hosts and figures; hosts of an unknown pool are left out', () => {
  const pools = openStage().compose({
    maintenance: new Map([['api', 503]]),
    algorithmOf: (pool) => (pool === 'api' ? 'round-robin' : 'adaptive'),
  });
  assert.equal(
    pools.map(({ name, hosts, algorithm, maintenance, figures }) => [
      name,
      hosts.map((host) => host.name),
      algorithm,
      maintenance,
      figures?.rps,
    ]),
    [
      ['default', ['d1', 'd2'], 'adaptive', null, undefined],
      ['api', ['api/a1'], 'round-robin', 503, 70],
    ],
  );
});

test('An empty pool default is left out where there are other pools', () => {
  const { compose, writer } = openStage();
  const hosts = writer.hosts().filter(({ name }) => name.includes('/'));
  assert.equal(
    compose({ hosts }).map(({ name }) => name),
    ['api'],
  );
  assert.equal(
    compose({ hosts: [], pools: [['default', 0]] }).map(({ name }) => name),
    ['default'],
  );
});

test('A host has the figures of its report, their age, and its traffic in the whole fleet', () => {
  const { hostOf } = openStage();
  const host = hostOf('api/a1');
  assert.is(host?.cpu, 0.25);
  assert.is(host?.reportAgeMs, 1000);
  assert.is(host?.rps, 70);
  assert.is(host?.errorRps, 1);
  assert.is(host?.p99Share, 0.4);
  assert.equal(host?.ejectedBy, [['b2', 'errors']]);
  const idle = hostOf('d2');
  assert.is(idle?.rps, 0, 'a host without traffic is left out of the figures');
  assert.is(idle?.minute.p50Ms, null);
  assert.is(idle?.workMs, 12);
  assert.is(idle?.capacity, 3);
});

test('Before there are figures rates are unknown', () => {
  const hosts = openStage()
    .compose({ figures: null })
    .flatMap((pool) => pool.hosts);
  assert.ok(hosts.every(({ rps, errorRps }) => rps === null && errorRps === null));
});

test('The state is the one that this balancer goes by: its own check counts before the table', () => {
  const { writer, hostOf } = openStage();
  assert.is(hostOf('d1')?.state, 'down');
  writer.setOwnDown('d1', false);
  writer.setOwnDown('d2', true);
  writer.rebuildCandidates(0);
  assert.is(hostOf('d1')?.state, 'up');
  assert.is(hostOf('d2')?.state, 'down');
});

test('An ejection by this balancer has its end as wall-clock time; while probes fail it is now', () => {
  const { columns, writer, slotOf, hostOf } = openStage();
  assert.is(hostOf('d2')?.ejectedUntilMs, null);
  columns.ejectedUntil[slotOf('d2')] = 4000;
  writer.rebuildCandidates(1000);
  assert.is(hostOf('d2')?.ejectedUntilMs, NOON_MS + 3000);
  assert.is(hostOf('d2')?.state, 'up', 'the master says so, and the ejection stands beside it');
  columns.ejectedUntil[slotOf('d2')] = Number.POSITIVE_INFINITY;
  assert.is(hostOf('d2')?.ejectedUntilMs, NOON_MS);
});

test('What an operator set stands beside the state', () => {
  const { writer, hostOf } = openStage();
  writer.setOperatorStates(new Map([['api/a1', 'drained']]));
  assert.is(hostOf('api/a1')?.operator, 'drained');
  assert.is(hostOf('api/a1')?.state, 'up');
  assert.is(hostOf('d2')?.operator, null);
});

test.run();
