// The interval of load messages, and its adjustment to the CPU budget.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ExchangeBudget, LoadPace, loadIntervalMs, longestIntervalMs } from '../../lib/redis/load-interval.js';

const test = suite('load interval');

test('the interval is 13 ms in a small fleet, grows with the fleet, and is a second at most', () => {
  assert.equal([loadIntervalMs(1, 1), loadIntervalMs(8, 50), loadIntervalMs(4, 1000)], [13, 13, 50]);
  for (const [balancers, hosts] of [
    [80, 50],
    [64, 1000],
    [500, 1000],
  ] as const) {
    assert.ok(loadIntervalMs(balancers, hosts) > loadIntervalMs(balancers / 2, hosts / 2));
  }
  assert.is(loadIntervalMs(10_000, 10_000), 1000);
});

test('a balancer replies to a table, unless it has just sent a message; without tables it sends anyway', () => {
  const pace = new LoadPace();
  assert.ok(pace.answersTable(20, 1000), 'the first');
  assert.is(pace.took(true, true, 20, 1000), 200, 'the next table is on its way');
  assert.not.ok(pace.answersTable(20, 1011));
  assert.is(pace.left(20, 1011), 15, 'it would have been due after 1.3 intervals');
  assert.is(pace.left(20, 1100), 0);
  assert.ok(pace.answersTable(20, 1012));
  assert.is(pace.took(true, false, 20, 1012), 26);
  assert.is(pace.took(false, false, 20, 1038), 80, 'nothing to say');
  assert.is(pace.took(false, true, 20, 1118), 80, 'nor to the table');
});

test('a thread above its CPU budget waits longer, up to the limit, and shorter again below it', () => {
  const budget = new ExchangeBudget();
  assert.is(budget.stretched(10, 40), 10);
  budget.take(0.031);
  assert.ok(budget.stretched(10, 40) > 10);
  for (let i = 0; i < 30; i++) budget.take(0.05);
  assert.equal([budget.stretched(10, 40), budget.stretched(10, 1000), budget.stretched(50, 40)], [40, 80, 50]);
  budget.take(0.025);
  assert.is(budget.stretched(10, 1000), 80, 'neither too much nor easy');
  for (let i = 0; i < 30; i++) budget.take(0.01);
  assert.is(budget.stretched(10, 1000), 10);
  budget.take(Number.NaN);
  assert.is(budget.stretched(10, 1000), 10);
});

test('the longest interval grows with fewer balancers, and is always at least twice the normal one', () => {
  assert.equal(
    [longestIntervalMs(4, 10), longestIntervalMs(0, 0), longestIntervalMs(64, 10), longestIntervalMs(4, 1000)],
    [52, 118, 31.375, 100],
  );
});

test('the threads of one process share its budget', () => {
  const budget = new ExchangeBudget(2);
  budget.take(0.016);
  assert.ok(budget.stretched(10, 40) > 10);
});

test.run();
