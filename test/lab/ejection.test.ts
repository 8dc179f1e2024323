// The benchmark of ejection once in a tiny form: its figures must be there and be plausible. Nothing is said here
// about speed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchJson, type Fields, isWithin } from '../support/bench.js';

const test = suite('bench ejection');

test('ejection ends a host both ways, and tells how long it was sent requests', async () => {
  const { figures } = await benchJson('ejection', '--rounds', '1');
  let sent = 0;
  for (const ending of ['killed', 'frozen']) {
    const { ms, eachMs, mostSent, mostFailed, failed } = figures[ending] as { ms: Fields; eachMs: number[] } & Fields;
    assert.is(ms.count, 1);
    assert.equal(eachMs, [ms.max]);
    isWithin(ms.max, 0, 1500, ending);
    isWithin(mostSent, 0, 1000, 'sent');
    sent += mostSent as number;
    isWithin(mostFailed, 0, 1000, 'failed for one balancer');
    isWithin(failed, mostFailed as number, 3 * (mostFailed as number), 'failed in all');
  }
  // One of the hosts alone may have got none just then, where the machine is busy.
  isWithin(sent, 1, 2000, 'sent in both rounds');
  isWithin(figures.answered, 100, 1e5, 'answered');
});

test.run();
