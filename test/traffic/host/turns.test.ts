// How requests count that last: with a clock of the test's, the real hosts and the real table.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LONG_LIVED_MS } from '../../../lib/learning/long-lived-classes.js';
import type { Host } from '../../../lib/traffic/host/host.js';
import type { InFlight } from '../../../lib/traffic/host/in-flight.js';
import { buildTrafficStage, type TrafficStage } from '../../support/traffic-context.js';
import { countedOf } from '../../support/turn-stage.js';
import { until } from '../../support/until.js';

const test = suite('turns of requests');

const CLASS = 3;

interface Stage extends TrafficStage {
  readonly host: Host;
  readonly now: { ms: number };
  begin(isLongLived?: boolean): InFlight;
  counted(): string;
}

async function withStage(fn: (stage: Stage) => void | Promise<void>): Promise<void> {
  const now = { ms: 50_000 };
  const traffic = buildTrafficStage(() => now.ms);
  try {
    traffic.hosts.add({ slot: 0, name: 'h', url: 'http://h:80' });
    const host = traffic.hosts.get(0) as Host;
    await fn({
      ...traffic,
      host,
      now,
      begin(isLongLived = false) {
        const request: InFlight = {
          place: -1,
          classId: CLASS,
          cost: 5,
          startedAtMs: now.ms,
          awaitedSinceMs: Number.NaN,
          hostMs: 0,
          isLongLived,
          isProvenLong: false,
          firstByteAtMs: Number.NaN,
          grpcStatus: -1,
          saidCpuMs: Number.NaN,
          abort: () => undefined,
        };
        traffic.hosts.begin(host, request);
        return request;
      },
      counted: () => Object.values(countedOf(traffic.columns, 0)).join(),
    });
  } finally {
    traffic.stop();
  }
}

test('an answer becomes long-lived when its host has owed bytes for 10 s, but not while no byte of it has come', () =>
  withStage(async ({ hosts, host, now, begin, counted }) => {
    const [silent, begun, read] = [begin(), begin(), begin()];
    for (const request of [begun, read]) Object.assign(request, { firstByteAtMs: now.ms });
    hosts.turns.toClient(read, 0, now.ms);
    now.ms += LONG_LIVED_MS - 1;
    hosts.turns.moveLongOnes(host.attempts, 0, now.ms);
    assert.is(counted(), '3,2,0', 'in flight, awaited, long-lived');
    now.ms++;
    // The upkeep does it.
    await until(() => counted() === '3,1,1');
    assert.equal([silent.isLongLived, begun.isLongLived, read.isLongLived], [false, true, false]);
    for (const request of [silent, begun, read]) hosts.end(host, request, 'ok', 200);
    assert.is(counted(), '0,0,0');
  }));

test('what is in flight, its sums and the durations cover the same time, whoever has the turn', () =>
  withStage(({ hosts, columns, host, now, begin }) => {
    const request = begin();
    now.ms += 30;
    hosts.turns.toClient(request, 0, now.ms);
    hosts.turns.toClient(request, 0, now.ms + 5);
    assert.equal([columns.awaited[0], columns.work[0], columns.startSum[0], columns.elapsedSum[0]], [0, 0, 0, 30]);
    now.ms += 1000;
    hosts.turns.toHost(request, 0, now.ms);
    hosts.turns.toHost(request, 0, now.ms + 5);
    assert.equal([columns.awaited[0], columns.work[0], columns.startSum[0], columns.elapsedSum[0]], [1, 5, now.ms, 30]);
    now.ms += 12;
    hosts.end(host, request, 'ok', 200);
    assert.equal([columns.awaited[0], columns.work[0], columns.startSum[0], columns.elapsedSum[0]], [0, 0, 0, 42]);
    assert.is(request.hostMs, 42);
  }));

test('a class whose answers wait for 10 s without using the CPU is long-lived from its next request on', () =>
  withStage(({ hosts, columns, host, now, begin, counted }) => {
    const poll = (isLongLived: boolean): void => {
      const request = begin(isLongLived);
      now.ms += 2 * LONG_LIVED_MS;
      hosts.end(host, request, 'ok', 200);
    };
    for (let i = 0; i < 5; i++) poll(false);
    assert.is(hosts.turns.isLongLived(CLASS), false, 'an unknown CPU time may be all of it: an overloaded host must not hide');
    columns.classCost[CLASS] = LONG_LIVED_MS;
    for (let i = 0; i < 5; i++) poll(false);
    assert.is(hosts.turns.isLongLived(CLASS), false, 'that is computation');
    columns.classCost[CLASS] = 2;
    for (let i = 0; i < 3; i++) poll(false);
    assert.is(hosts.turns.isLongLived(CLASS), true);
    assert.is(
      columns.servedByClass.reduce((sum, count) => sum + count, 0),
      0,
      'none of them is evidence',
    );
    const expected = begin(true);
    assert.is(counted(), '1,0,1');
    hosts.turns.becomeLongLived(expected, 0, now.ms);
    assert.is(counted(), '1,0,1', 'counted once');
    hosts.end(host, expected, 'client-gone', 200);
    assert.is(counted(), '0,0,0');
    for (let i = 0; i < 3; i++) hosts.end(host, begin(true), 'ok', 200);
    assert.is(hosts.turns.isLongLived(CLASS), false, 'short answers take it back');
  }));

test('a class is long-lived after three streams, until its id is given to another class', () =>
  withStage(({ hosts, host, now, begin }) => {
    for (let i = 0; i < 3; i++) {
      assert.is(hosts.turns.isLongLived(CLASS), false);
      const request = begin();
      hosts.turns.becomeLongLived(request, 0, now.ms);
      hosts.end(host, request, 'client-gone', 200);
    }
    assert.is(hosts.turns.isLongLived(CLASS), true);
    hosts.turns.forgetClass(CLASS);
    assert.is(hosts.turns.isLongLived(CLASS), false);
  }));

test.run();
