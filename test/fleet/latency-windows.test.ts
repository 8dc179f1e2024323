// One balancer's figures second by second: what it tells the master, when it says nothing, and what it shows itself.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EjectionEvents } from '../../lib/fleet/ejection-events.js';
import { LatencyWindows } from '../../lib/fleet/latency-windows.js';
import type { FleetEvent } from '../../lib/redis/event-message.js';
import { bucketOf, middleMs } from '../../lib/table/latency-buckets.js';
import { createTable, openTable } from '../../lib/table/layout.js';
import * as cells from '../../lib/table/traffic-cells.js';
import { SLOW } from '../support/fleet-views.js';

const test = suite('latency windows');

const POOLS = [['default', 0] as const];
const HOSTS = [{ slot: 0, name: 'h1', url: 'http://h1:1' }];
const WALL_MS = 1_800_000_000_000;

/** Windows over a table with one host, and a clock. */
function stage() {
  const columns = openTable(createTable(4));
  columns.known[0] = 1;
  let nowMs = 5000;
  const windows = new LatencyWindows({ columns, balancer: 'b1', instance: 'i', clock: () => nowMs, wallClock: () => WALL_MS + nowMs });
  windows.tick(POOLS, HOSTS);
  return {
    columns,
    windows,
    request(ms: number): void {
      cells.recordAttempt(columns, 0);
      cells.recordHostLatency(columns, 0, ms);
      cells.recordAnswer(columns, 0, 'GET', 200, false, ms, 1, 1);
    },
    second(passedMs = 1000): void {
      nowMs += passedMs;
      windows.tick(POOLS, HOSTS);
    },
  };
}

test('a balancer without traffic says nothing, and once that it has none any more', () => {
  const { windows, request, second } = stage();
  assert.is(windows.takeMessage(), undefined);
  second();
  assert.is(windows.takeMessage(), undefined);
  request(5);
  second();
  assert.is(windows.takeMessage()?.pools[0]?.requests, 1);
  second();
  assert.equal(windows.takeMessage()?.pools, []);
  second();
  assert.is(windows.takeMessage(), undefined);
});

test('a message covers all seconds since the last one', () => {
  const { windows, columns, request, second } = stage();
  windows.takeMessage();
  cells.countOpenRequests(columns, 0, 1);
  request(5);
  second();
  request(5);
  request(80);
  cells.recordHostError(columns, 0);
  cells.countOpenRequests(columns, 0, -1);
  second(1500);
  const message = windows.takeMessage();
  assert.is(message?.seconds, 2.5);
  const latency = [bucketOf(5), 2, bucketOf(80), 1];
  assert.equal(message?.pools, [{ name: 'default', requests: 3, errors: 0, inflight: 0, latency }]);
  assert.equal(message?.hosts, [{ name: 'h1', attempts: 3, errors: 1, latency }]);
});

test('numbers of messages grow, also over those of an earlier fleet thread of the process', () => {
  const { windows, request, second } = stage();
  let last = WALL_MS + 5000;
  for (let i = 0; i < 3; i++) {
    request(1);
    second();
    const seq = windows.takeMessage()?.seq ?? 0;
    assert.ok(seq > last);
    last = seq;
  }
});

test('what could not be sent for long is dropped: it would count in the wrong minute', () => {
  const { windows, request, second } = stage();
  for (let i = 0; i < 100; i++) {
    request(1);
    second();
  }
  const message = windows.takeMessage();
  assert.equal([message?.seconds, message?.pools[0]?.requests], [15, 15]);
});

test('the slowest requests are sent once, with the name of the balancer', () => {
  const { windows, second } = stage();
  const { balancer: _, ...own } = SLOW;
  windows.onSlowest([own]);
  second();
  assert.equal(windows.takeMessage()?.slowest, [SLOW]);
  second();
  assert.equal(windows.takeMessage()?.slowest, []);
});

test('a balancer shows its own traffic as if it were the whole fleet', () => {
  const { windows, columns, request, second } = stage();
  for (let i = 0; i < 60; i++) {
    request(7);
    request(7);
    second();
  }
  columns.ejectedUntil[0] = Number.POSITIVE_INFINITY;
  windows.onEjection('h1', 'reset');
  second();
  const { figures, history, hostRps } = windows.view();
  assert.equal([figures.term, figures.balancers, figures.total.rps], [0, ['b1'], 0]);
  assert.is(figures.total.minute.p99Ms, middleMs(bucketOf(7)));
  assert.equal(figures.hosts[0]?.ejectedBy, [['b1', 'reset']]);
  assert.ok(history.length >= 12 && hostRps[0]?.[1].includes(2));
});

test('of many ejections at once ten are events in each second, and the others are counted', () => {
  const events: FleetEvent[] = [];
  let [nowMs, dropped] = [0, 0];
  const ejections = new EjectionEvents({
    balancer: 'b1',
    clock: () => nowMs,
    count: (name) => void (dropped += name === 'ejection_events_dropped' ? 1 : 0),
    announce: (event) => void events.push(event),
  });
  for (let i = 0; i < 15; i++) ejections.take(`h${i}`, 'reset');
  assert.equal([events.length, dropped], [10, 5]);
  assert.equal(events[0], { kind: 'ejection-began', name: 'h0', by: 'b1', detail: 'reset' });
  nowMs = 1000;
  ejections.take('h0', null);
  assert.equal(events.at(-1), { kind: 'ejection-ended', name: 'h0', by: 'b1' });
});

test.run();
