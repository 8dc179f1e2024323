// When overviews are composed: for whoever looks and only then, at once after an event, and whatever goes wrong. The fleet thread is a
// sight of the test's own, without Redis.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openOverview } from '../../../lib/console/overview/overview.js';
import type { FleetSight } from '../../../lib/fleet-sight.js';
import type { Overview } from '../../../lib/overview.js';
import type { FleetEvent } from '../../../lib/redis/event-message.js';
import { buildKeys } from '../../../lib/redis/keys.js';
import { createTable, openTable } from '../../../lib/table/layout.js';
import { NO_REDIS } from '../../support/fleet.js';
import { buildFigures } from '../../support/overviews.js';
import { until } from '../../support/until.js';

const test = suite('overviews while somebody looks');

/** A sight of a balancer without Redis; `faults` are thrown by its lease. */
function openStage() {
  const listeners = new Set<(event: FleetEvent) => void>();
  const lines: string[] = [];
  const faults: Error[] = [];
  const sight = {
    config: { name: 'b1', url: 'http://127.0.0.1:1', version: '0', redis: [NO_REDIS], algorithm: 'adaptive' },
    columns: openTable(createTable(16)),
    clock: () => performance.now(),
    count: () => undefined,
    log: (level: string, message: string) => void lines.push(`${level} ${message}`),
    hosts: () => [],
    pools: () => [['default', 0]],
    tableAgeMs: () => null,
    certificates: () => [{ file: '/etc/tls/shop.pem', notAfterMs: Date.now() + 1000 }],
    site: () => null,
    lease() {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      return { role: 'slave', term: 3, remainingMs: null };
    },
    redis: () => ({ isUp: false, reason: '', downSinceMs: performance.now() - 5000, rttMs: null }),
    settings: () => ({ algorithm: null, operatorStates: new Map(), maintenance: new Map() }),
    noMaster: () => '',
    ownFigures: () => ({ ...EMPTY, total: buildFigures({ rps: 42 }) }),
    onEvent(listener: (event: FleetEvent) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    client: { status: 'reconnecting' },
    keys: buildKeys('test'),
  } as unknown as FleetSight;
  const source = openOverview(sight);
  return {
    source,
    lines,
    faults,
    listeners,
    say: (event: FleetEvent) => listeners.forEach((listener) => listener(event)),
  };
}

const EMPTY = {
  term: 0,
  mastership: '',
  atMs: 0,
  balancers: ['b1'],
  pools: [],
  hosts: [],
  picks: { balancers: [], hosts: [], picks: [] },
  slowest: [],
};

async function withStage(fn: (stage: ReturnType<typeof openStage>) => Promise<void>): Promise<void> {
  const stage = openStage();
  try {
    await fn(stage);
  } finally {
    stage.source.close();
  }
}

test('Without Redis the overview is there, with own figures and what is wrong', () =>
  withStage(async ({ source }) => {
    const { total, isOwnOnly, verdict, balancers, master } = await source.current();
    assert.is(total.rps, 42);
    assert.is(isOwnOnly, true);
    assert.is(master, null);
    assert.equal(
      balancers.map(({ name }) => name),
      ['b1'],
    );
    assert.is(verdict.text, 'No host is known: no request can be answered; and 2 more');
  }));

test('Who looks within a second gets the same overview, and after an event another one', () =>
  withStage(async ({ source, say }) => {
    const first = await source.current();
    assert.is(await source.current(), first);
    say({ kind: 'balancer-joined', name: 'b2' });
    const second = await source.current();
    assert.is.not(second, first);
    assert.equal(
      second.events.map(({ text }) => text),
      ['b2 joined the fleet'],
    );
  }));

test('A subscriber gets overviews, with each event soon, until it has had enough', () =>
  withStage(async ({ source, say }) => {
    const got: Overview[] = [];
    const stop = source.subscribe((overview) => got.push(overview));
    await until(() => got.length > 0, { what: 'the first overview' });
    say({ kind: 'master-elected', name: 'b2', term: 4 });
    await until(() => got.at(-1)?.events[0]?.kind === 'master-elected', { what: 'the election' });
    await until(() => got.length >= 3, { what: 'the overview of the next second' });
    stop();
    const before = got.length;
    await source.current();
    assert.is(got.length, before);
  }));

test('A fault while composing costs one overview, and is said once', () =>
  withStage(async ({ source, faults, lines }) => {
    faults.push(new Error('broken'));
    await source.current().then(
      () => assert.unreachable('it was composed'),
      (error: Error) => assert.is(error.message, 'broken'),
    );
    faults.push(new Error('broken'), new Error('broken'));
    let count = 0;
    source.subscribe(() => count++);
    await until(() => count > 0, { what: 'an overview after the faults' });
    assert.equal(lines, ['error the overview of the fleet could not be composed']);
  }));

test('After the end no event is heard, and nothing is composed', () =>
  withStage(async ({ source, listeners }) => {
    source.close();
    assert.is(listeners.size, 0);
    await source.current().then(
      () => assert.unreachable('it was composed'),
      (error: Error) => assert.is(error.message, 'this balancer stops'),
    );
  }));

test.run();
