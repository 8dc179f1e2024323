// The benchmark of ejection once in a tiny form: its figures must be there and be plausible. Nothing is said here
// about speed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchJson, type Fields, isWithin } from '../support/bench.js';

const test = suite('bench ejection');

test('ejection ends a host both ways, and tells how long it was sent requests', async () => {
  const { figures } = await benchJson('ejection', '--rounds', '1');
  for (const ending of ['killed', 'frozen']) {
    const { ms, eachMs, mostSent, mostFailed, failed } = figures[ending] as { ms: Fields; eachMs: number[] } & Fields;
    assert.is(ms.count, 1);
    assert.equal(eachMs, [ms.max]);
    isWithin(ms.max, 0, 1500, ending);
    isWithin(mostSent, 1, 1000, 'sent');
    isWithin(mostFailed, 0, 1000, 'failed for one balancer');
    isWithin(failed, mostFailed as number, 3 * (mostFailed as number), 'failed in all');
  }
  isWithin(figures.answered, 100, 1e5, 'answered');
});

test.run();
