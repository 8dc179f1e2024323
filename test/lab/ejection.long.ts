// A small run of the ejection benchmark: its figures must exist and be plausible. Speed is not tested.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchJson, type Fields, isCount, isTime } from '../support/bench.js';

const test = suite('bench ejection');

test('ejection kills and freezes a host, and reports how long it was sent requests', async () => {
  const { figures } = await benchJson('ejection', '--rounds', '1');
  let sent = 0;
  for (const ending of ['killed', 'frozen']) {
    const { ms, eachMs, mostSent, mostFailed, failed } = figures[ending] as { ms: Fields; eachMs: number[] } & Fields;
    assert.is(ms.count, 1);
    assert.equal(eachMs, [ms.max]);
    isTime(ms.max, ending);
    isCount(mostSent, 'sent');
    sent += mostSent as number;
    assert.ok((mostFailed as number) <= (mostSent as number), 'failed for one balancer');
    assert.ok((failed as number) >= (mostFailed as number) && (failed as number) <= 3 * (mostFailed as number), 'failed in all');
  }
  // On a busy machine a single host may have had no requests at that moment.
  assert.ok(sent > 0, 'sent in both rounds');
  assert.ok((figures.answered as number) > 100, 'answered');
});

test.run();
