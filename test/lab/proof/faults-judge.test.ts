// What a fault did to clients, from lists of requests made by hand: which requests count as lost, when all is well again,
// and who noticed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type ClientRequest, judgeFault, spreadOf, type FaultWatch } from '../../../lib/lab/proof/faults-judge.js';

const test = suite('judging faults');

/** The fault comes at 1000; from 1000 on there are eight windows of 250 ms. */
const WATCH: FaultWatch = { clients: 4, fromMs: 0, faultMs: 1000, untilMs: 3000 };

interface Made {
  readonly tookMs?: number;
  readonly isRight?: boolean;
  readonly client?: number;
}

const request = (dueMs: number, { tookMs = 10, isRight = true, client = 0 }: Made = {}): ClientRequest => ({
  client,
  dueMs,
  endMs: dueMs + tookMs,
  isRight,
});

/** A request every 10 ms from `fromMs` to `untilMs`, those of each client in turn. */
const steady = (fromMs: number, untilMs: number, made: Made = {}): ClientRequest[] =>
  Array.from({ length: (untilMs - fromMs) / 10 }, (_, index) => request(fromMs + index * 10, { client: index % 4, ...made }));

const CALM = steady(0, 3000);

test('without an effect nothing is lost and no time passes', () => {
  assert.equal(judgeFault(CALM, CALM, WATCH), {
    lost: 0,
    lostBefore: 0,
    p99BeforeMs: 10,
    recoverMs: 0,
    hasRecovered: true,
    clientsNoticing: 0,
    worstMs: 10,
  });
});

test('requests in flight at the fault are lost at once; the last one that is due later says when all is well', () => {
  const inFlight = request(995, { tookMs: 8, isRight: false, client: 1 });
  const { lost, recoverMs, clientsNoticing } = judgeFault([...CALM, inFlight], CALM, WATCH);
  assert.equal({ lost, recoverMs, clientsNoticing }, { lost: 1, recoverMs: 0, clientsNoticing: 0.25 });
  const later = [request(1003, { isRight: false, client: 1 }), request(1420, { isRight: false, client: 2, tookMs: 600 })];
  const both = judgeFault([...CALM, inFlight, ...later], CALM, WATCH);
  assert.equal([both.lost, both.recoverMs, both.clientsNoticing, both.worstMs], [3, 420, 0.5, 600]);
});

test('what was lost before the fault is not its effect, and what is due after the watch does not count', () => {
  const { lost, lostBefore, recoverMs, clientsNoticing } = judgeFault(
    [...CALM, request(500, { isRight: false }), request(3000, { isRight: false, client: 2 })],
    CALM,
    WATCH,
  );
  assert.equal({ lost, lostBefore, recoverMs, clientsNoticing }, { lost: 0, lostBefore: 1, recoverMs: 0, clientsNoticing: 0 });
});

test('a window is slow when more than 5 % of its requests take longer than twice the p99 before', () => {
  const during = (tookMs: number) => [...steady(0, 1250), ...steady(1250, 1500, { tookMs }), ...steady(1500, 3000)];
  assert.is(judgeFault(during(20), CALM, WATCH).recoverMs, 0);
  assert.is(judgeFault(during(21), CALM, WATCH).recoverMs, 500);
  // One slow request among 25 can be chance, two are not.
  const stray = [...CALM, request(2001, { tookMs: 21 })];
  assert.is(judgeFault(stray, CALM, WATCH).recoverMs, 0);
  assert.is(judgeFault([...stray, request(2002, { tookMs: 21 })], CALM, WATCH).recoverMs, 1250);
});

test('a lost request after the last slow window comes later than it', () => {
  const slow = [...steady(0, 1000), ...steady(1000, 1250, { tookMs: 50 }), ...steady(1250, 3000)];
  assert.is(judgeFault([...slow, request(1300, { isRight: false })], CALM, WATCH).recoverMs, 300);
  assert.is(judgeFault([...slow, request(1100, { isRight: false })], CALM, WATCH).recoverMs, 250);
});

test('a window in which requests straight to hosts are slow too does not count', () => {
  const slow = [...steady(0, 1250), ...steady(1250, 1750, { tookMs: 50 }), ...steady(1750, 3000)];
  const busy = [...steady(0, 1500), ...steady(1500, 1750, { tookMs: 30 }), ...steady(1750, 3000)];
  assert.is(judgeFault(slow, CALM, WATCH).recoverMs, 750);
  assert.is(judgeFault(slow, busy, WATCH).recoverMs, 500);
  // A lost request does, however busy the machine.
  assert.is(judgeFault([...slow, request(1700, { isRight: false })], busy, WATCH).recoverMs, 700);
});

test('what is still slow or lost in the last window has not recovered', () => {
  assert.is(judgeFault([...steady(0, 2500), ...steady(2500, 3000, { tookMs: 100 })], CALM, WATCH).hasRecovered, false);
  assert.is(judgeFault([...CALM, request(2760, { isRight: false })], CALM, WATCH).hasRecovered, false);
  assert.is(judgeFault([...CALM, request(2740, { isRight: false })], CALM, WATCH).hasRecovered, true);
});

test('a balancer that answers nothing for a while is judged by the requests it lost', () => {
  const dead = [...steady(0, 1000), ...steady(1000, 1600, { isRight: false, tookMs: 0 }), ...steady(1600, 3000)];
  const { lost, recoverMs, clientsNoticing } = judgeFault(dead, CALM, WATCH);
  assert.equal({ lost, recoverMs, clientsNoticing }, { lost: 60, recoverMs: 590, clientsNoticing: 1 });
});

test('clients notice a wait of more than a second, also when the answer is right', () => {
  const waited = (tookMs: number) => judgeFault([...CALM, request(1200, { tookMs, client: 3 })], CALM, WATCH);
  assert.is(waited(1000).clientsNoticing, 0);
  assert.is(waited(1001).clientsNoticing, 0.25);
  assert.is(waited(1001).worstMs, 1001);
  // Twice the same client.
  assert.is(judgeFault([...CALM, request(1200, { tookMs: 1500 }), request(1900, { isRight: false })], CALM, WATCH).clientsNoticing, 0.25);
});

test('without requests before the fault only losses count', () => {
  const { lost, recoverMs, hasRecovered } = judgeFault(
    [...steady(1000, 3000, { tookMs: 500 }), request(1100, { isRight: false })],
    [],
    WATCH,
  );
  assert.equal({ lost, recoverMs, hasRecovered }, { lost: 1, recoverMs: 100, hasRecovered: true });
});

test('a spread has the median and both ends, in any order', () => {
  assert.equal(spreadOf([10, 2, 300]), { median: 10, least: 2, most: 300 });
  assert.equal(spreadOf([4]), { median: 4, least: 4, most: 4 });
  assert.is(Number.isNaN(spreadOf([]).median) && Number.isNaN(spreadOf([]).most), true);
});

test.run();
