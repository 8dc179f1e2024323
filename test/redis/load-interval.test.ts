// The rhythm of the exchange: the interval of load messages, its adjustment to the CPU budget, and a balancer's turns.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isOldAge } from '../../lib/routing/adaptive.js';
import { ExchangeBudget, gatherMs, loadIntervalMs, LoadTurns, longestIntervalMs } from '../../lib/redis/load-interval.js';

const test = suite('load interval');

test('the interval is 12 ms in a small fleet, grows with the fleet, but not beyond where figures would be too old', () => {
  assert.equal([loadIntervalMs(1, 1), loadIntervalMs(8, 50), loadIntervalMs(64, 50)], [12, 12, 12]);
  assert.equal([loadIntervalMs(4, 996), loadIntervalMs(996, 4)], [80, 80]);
  // A figure is up to one and a half intervals old, and on its way: in no fleet is every second one too old for a pick.
  assert.not(isOldAge(1.5 * loadIntervalMs(10_000, 10_000) + 25));
});

test('loads are gathered for an interval, and reports no longer than their freshness allows', () => {
  assert.equal([gatherMs(12, true), gatherMs(12, false)], [12, 12]);
  assert.equal([gatherMs(80, true), gatherMs(80, false)], [80, 13]);
});

test('the longest interval grows with fewer balancers, who know more by themselves, and is never below the normal one', () => {
  assert.equal([longestIntervalMs(2, 10), longestIntervalMs(8, 10)], [74, 37 / (7 / 8)]);
  assert.equal([longestIntervalMs(0, 0), longestIntervalMs(1, 10)], [74, 74]);
  assert.is(longestIntervalMs(64, 1000), loadIntervalMs(64, 1000));
});

test('a thread above its budget waits longer, up to the limit, and shorter again below it', () => {
  const budget = new ExchangeBudget();
  const intervalMs = () => budget.intervalMs(2, 10);
  assert.is(intervalMs(), 12);
  budget.take(4 * 0.015);
  assert.is(intervalMs(), 24, 'half of the way to four times');
  budget.take(0.015);
  assert.is(intervalMs(), 24, 'just right');
  for (let i = 0; i < 30; i++) budget.take(0.05);
  assert.equal([intervalMs(), budget.intervalMs(64, 10), budget.intervalMs(2, 2000)], [74, 37 / (63 / 64), loadIntervalMs(2, 2000)]);
  budget.take(0.015 / 4);
  assert.is(intervalMs(), 37, 'it has not grown beyond the limit meanwhile');
  for (let i = 0; i < 30; i++) budget.take(0);
  assert.is(intervalMs(), 12);
  budget.take(Number.NaN);
  assert.is(intervalMs(), 12);
});

test('a thread that has other work settles where both together meet the budget', () => {
  const budget = new ExchangeBudget();
  for (let i = 0; i < 30; i++) budget.take(0.006 + (0.018 * 12) / budget.intervalMs(2, 10));
  assert.ok(Math.abs(budget.intervalMs(2, 10) - 24) < 0.1);
});

test('a balancer answers a table at once, or when the interval has passed if it comes early; without tables it speaks anyway', () => {
  const turns = new LoadTurns();
  assert.is(turns.answerInMs(20, 1000), 0, 'the first');
  assert.is(turns.take(20, 1000), 120, 'a table is due in 20 ms, and late 100 ms after');
  assert.is(turns.answerInMs(20, 1015), 5);
  assert.is(turns.answerInMs(20, 1016), 0, 'nearly an interval later');
  assert.is(turns.answerInMs(20, 1100), 0);
});

test.run();
