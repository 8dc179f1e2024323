// The pool's verdicts on its hosts: ejection, its report to the fleet, probes and the return; and how a host that left the
// table is released.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Attempt } from '../../../lib/traffic/request/attempt.js';
import type { Host } from '../../../lib/traffic/host/host.js';
import { until } from '../../support/brackets.js';
import { ends, withStage } from '../../support/story-stage.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('host pool');

test('a host that refuses connections is ejected at once, and reported to the fleet once', () =>
  withStage(async (stage) => {
    const { columns, said } = stage.traffic;
    await stage.tell({ outcomes: [ends('connect-failed'), ends('ok')] });
    assert.is(columns.avoidUntil[0], 6000);
    assert.is(columns.ejectedUntil[0], Number.POSITIVE_INFINITY);
    await stage.tell({ outcomes: [ends('connect-failed'), ends('ok')] });
    assert.equal(said, ['verdict']);
    assert.is(stage.counts().ejections_connect_failed, 1);
  }));

test('a host is ejected after failures in a row, fast errors of its own among them', () =>
  withStage(async (stage) => {
    const { columns } = stage.traffic;
    for (let i = 0; i < 4; i++) await stage.tell({ outcomes: [ends('ok', true, 500)] });
    assert.is(columns.ejectedUntil[0], 0);
    await stage.tell({ outcomes: [ends('ok', true, 200)] });
    for (let i = 0; i < 5; i++) await stage.tell({ outcomes: [ends('ok', true, 503)] });
    assert.is(columns.ejectedUntil[0], Number.POSITIVE_INFINITY);
    assert.ok((columns.failing[0] as number) > 0.3, 'its share of failures counts against it');
    const { ejections_5xx: ejections, hosts_answered_5xx: answered } = stage.counts();
    assert.equal([ejections, answered], [1, 9]);
  }));

test('an ejected host is probed when its time is up, and returns when it is healthy', async () => {
  let isWell = false;
  let probes = 0;
  const nowMs = { value: 5000 };
  const traffic = buildTrafficStage(
    () => nowMs.value,
    { healthIntervalMs: 100 },
    async () => {
      probes++;
      return isWell;
    },
  );
  try {
    traffic.pool.add({ slot: 0, name: 'h', url: 'http://h:80' });
    const host = traffic.pool.get(0) as Host;
    const attempt = {} as Attempt;
    traffic.pool.begin(host, attempt);
    traffic.pool.end(host, attempt, 'connect-failed', 0);
    nowMs.value += 999;
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.is(probes, 0, 'not before its time');
    nowMs.value += 2;
    await until(() => probes === 1);
    assert.is(traffic.columns.ejectedUntil[0], Number.POSITIVE_INFINITY, 'it is not well yet');
    isWell = true;
    nowMs.value += 100;
    await until(() => traffic.columns.ejectedUntil[0] === 0);
    assert.equal([traffic.counts().ejections_ended, traffic.columns.failing[0], traffic.said], [1, 0, ['verdict', 'verdict']]);
  } finally {
    traffic.stop();
  }
});

test('a host that left the table is released with its last request', () =>
  withStage((stage) => {
    const { pool, said } = stage.traffic;
    const host = pool.get(0) as Host;
    const [one, two] = [{} as Attempt, {} as Attempt];
    pool.begin(host, one);
    pool.begin(host, two);
    pool.remove(0);
    assert.equal([pool.known().map(({ name }) => name), pool.leaving()], [['h1'], [0]]);
    pool.end(host, one, 'ok', 200);
    assert.equal(said, []);
    pool.end(host, two, 'ok', 200);
    assert.equal(said, ['released 0']);
    assert.is(pool.get(0), undefined);
    pool.remove(1);
    pool.remove(1);
    assert.equal(said, ['released 0', 'released 1'], 'once');
    assert.equal([pool.known(), pool.leaving()], [[], []]);
  }));

test('a host does not inherit the failures of the previous host in its slot', () =>
  withStage((stage) => {
    const { pool, columns } = stage.traffic;
    pool.remove(0);
    for (const column of [columns.ejectedUntil, columns.avoidUntil, columns.failing, columns.served]) column[0] = 1e9;
    pool.add({ slot: 0, name: 'next', url: 'http://next:80' });
    assert.equal(
      [columns.ejectedUntil, columns.avoidUntil, columns.failing, columns.served].map((column) => column[0]),
      [0, 0, 0, 0],
    );
  }));

test.run();
