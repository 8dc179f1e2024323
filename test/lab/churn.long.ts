// A small run of `meercat bench churn`: all kinds of requests occur, every response is right, and the balancer has no
// leaks.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Tally } from '../../lib/lab/churn-actions.js';
import { type ActionName, MIX } from '../../lib/lab/churn-mix.js';
import { benchJson, type Fields, isWithin } from '../support/bench.js';

const test = suite('bench churn, long');

test('after requests of every kind a balancer holds no more resources than before, and further responses are right', async () => {
  const { figures, goals } = await benchJson('churn', '--requests', '3000', '--connections', '16');
  const actions = figures.actions as Record<ActionName, Tally>;
  assert.equal(
    Object.keys(actions),
    MIX.map(([name]) => name),
  );
  for (const [name, { requests, right, refused, unanswered, wrong }] of Object.entries(actions)) {
    assert.ok(requests > 10, name);
    assert.is(right + refused + unanswered + wrong, requests, name);
  }
  const { start, end } = figures.rests as Record<'start' | 'end', Fields>;
  assert.ok((start.descriptors as number) > 10, 'descriptors');
  isWithin(end.residentBytes, 1e7, 1e9, 'memory');
  // Memory is not tested: with so few requests a process is not warmed up.
  for (const { what, isReached } of goals) if (!what.startsWith('memory')) assert.ok(isReached, what);
});

test.run();
