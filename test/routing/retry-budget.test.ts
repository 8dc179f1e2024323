// The retry budget: a percentage of recent requests, with a floor, over a sliding window. Time is an argument.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RetryBudget } from '../../lib/routing/retry-budget.js';

const test = suite('retry budget');

function retriesNow(budget: RetryBudget, nowMs: number, wanted = 10_000): number {
  let allowed = 0;
  while (allowed < wanted && budget.mayRetry(nowMs)) allowed++;
  return allowed;
}

test('the first ten retries are allowed without any request, and the eleventh is not', () => {
  assert.is(retriesNow(new RetryBudget(20), 1000), 10);
});

test('with twenty per cent, one fifth of many requests may be retried', () => {
  const budget = new RetryBudget(20);
  for (let i = 0; i < 1000; i++) budget.onRequest(1000);
  assert.is(retriesNow(budget, 1000), 200);
});

test('a budget of 0 allows none, and one of 100 as many as there were requests', () => {
  const none = new RetryBudget(0);
  const all = new RetryBudget(100);
  for (let i = 0; i < 50; i++) for (const budget of [none, all]) budget.onRequest(0);
  assert.equal([retriesNow(none, 0), retriesNow(all, 0)], [0, 50]);
});

test("the window's retries and requests are remembered across its halves, and earlier ones are not", () => {
  const budget = new RetryBudget(20);
  for (let i = 0; i < 1000; i++) budget.onRequest(0);
  assert.is(retriesNow(budget, 0), 200);
  assert.is(retriesNow(budget, 4999), 0, 'the same half');
  assert.is(retriesNow(budget, 5000), 0, 'the next half: spent in the one before');
  assert.is(retriesNow(budget, 10_000), 10, 'both have gone, and the floor is there again');
});

test('after a long silence the window is empty', () => {
  const budget = new RetryBudget(20);
  for (let i = 0; i < 1000; i++) budget.onRequest(0);
  assert.is(retriesNow(budget, 60_000), 10);
});

test('when every request fails, retries add no more than a fifth over any ten seconds', () => {
  const budget = new RetryBudget(20);
  const retries: number[] = [];
  for (let nowMs = 0; nowMs < 60_000; nowMs += 10) {
    for (let i = 0; i < 5; i++) {
      budget.onRequest(nowMs);
      if (budget.mayRetry(nowMs)) retries.push(nowMs);
    }
  }
  for (let from = 0; from <= 50_000; from += 1000) {
    const inWindow = retries.filter((ms) => ms >= from && ms < from + 10_000).length;
    // 5,000 requests in ten seconds; the window has a granularity of one half.
    assert.ok(inWindow <= 1500, `${inWindow} from ${from} on`);
  }
  const share = retries.length / 30_000;
  assert.ok(share > 0.15 && share < 0.25, String(share));
});

test.run();
