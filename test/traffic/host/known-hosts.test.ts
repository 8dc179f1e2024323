// Verdicts on hosts: ejection, its report to the fleet, probes and the return; and how a host that left the
// table is released.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Attempt } from '../../../lib/traffic/request/attempt.js';
import type { Host } from '../../../lib/traffic/host/host.js';
import { until } from '../../support/brackets.js';
import { ends, withStage } from '../../support/story-stage.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('known hosts');

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
    traffic.hosts.add({ slot: 0, name: 'h', url: 'http://h:80' });
    const host = traffic.hosts.get(0) as Host;
    const attempt = {} as Attempt;
    traffic.hosts.begin(host, attempt);
    traffic.hosts.end(host, attempt, 'connect-failed', 0);
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
    const { hosts, said } = stage.traffic;
    const host = hosts.get(0) as Host;
    const [one, two] = [{} as Attempt, {} as Attempt];
    hosts.begin(host, one);
    hosts.begin(host, two);
    hosts.remove(0);
    assert.equal([hosts.known().map(({ name }) => name), hosts.leaving()], [['h1'], [0]]);
    hosts.end(host, one, 'ok', 200);
    assert.equal(said, []);
    hosts.end(host, two, 'ok', 200);
    assert.equal(said, ['released 0']);
    assert.is(hosts.get(0), undefined);
    hosts.remove(1);
    hosts.remove(1);
    assert.equal(said, ['released 0', 'released 1'], 'once');
    assert.equal([hosts.known(), hosts.leaving()], [[], []]);
  }));

test('a host does not inherit the failures of the previous host in its slot', () =>
  withStage((stage) => {
    const { hosts, columns } = stage.traffic;
    hosts.remove(0);
    for (const column of [columns.ejectedUntil, columns.avoidUntil, columns.failing, columns.served]) column[0] = 1e9;
    hosts.add({ slot: 0, name: 'next', url: 'http://next:80' });
    assert.equal(
      [columns.ejectedUntil, columns.avoidUntil, columns.failing, columns.served].map((column) => column[0]),
      [0, 0, 0, 0],
    );
  }));

test.run();
