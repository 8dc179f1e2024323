// A small run of `meercat bench site`: every version comes into force on all balancers, no request fails, and no connection
// is closed. Speed is not tested.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchJson, type Fields, isTime } from '../support/bench.js';

const test = suite('bench site, long');

test('versions come into force one after the other without a failed request, and all slots and pools come back', async () => {
  const { figures, goals } = await benchJson('site', '--rounds', '4', '--connections', '16');
  const { sent, closed } = figures.counts as Fields;
  assert.ok((sent as number) > 1000, 'sent');
  assert.equal([figures.failed, closed], [0, 0]);
  assert.is((figures.eachMs as number[]).length, 4);
  for (const ms of figures.eachMs as number[]) isTime(ms, 'in force');
  for (const { what, isReached } of goals) if (what === 'slots' || what === 'pools') assert.ok(isReached, what);
});

test.run();
