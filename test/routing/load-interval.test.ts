// How often balancers say what they have in flight, and how that keeps to its share of a core.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ExchangeBudget, loadIntervalMs } from '../../lib/routing/load-interval.js';

const test = suite('load interval');

test('20 ms in a small fleet, longer the more there are, and a second at most', () => {
  assert.equal([loadIntervalMs(1, 1), loadIntervalMs(8, 50), loadIntervalMs(4, 1000)], [20, 20, 50]);
  for (const [balancers, hosts] of [[64, 50], [64, 1000], [500, 1000]] as const) {
    assert.ok(loadIntervalMs(balancers, hosts) > loadIntervalMs(balancers / 2, hosts / 2));
  }
  assert.is(loadIntervalMs(10_000, 10_000), 1000);
});

test('a thread that needs more than its share of a core waits longer, up to twice as long, and less long when it can', () => {
  const budget = new ExchangeBudget();
  assert.is(budget.stretch, 1);
  budget.take(0.031);
  assert.ok(budget.stretch > 1);
  for (let i = 0; i < 20; i++) budget.take(0.05);
  assert.is(budget.stretch, 2);
  budget.take(0.025);
  assert.is(budget.stretch, 2, 'neither too much nor easy');
  for (let i = 0; i < 20; i++) budget.take(0.01);
  assert.is(budget.stretch, 1);
  budget.take(Number.NaN);
  assert.is(budget.stretch, 1);
});

test.run();
