// A small run of `bench record` through the command line: its figures must exist, what it counts must be right, and
// counting must allocate no object. Speed is not tested.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchJson, type Fields, isTime } from '../support/bench.js';

const test = suite('bench record, long');

test('record measures each number of hosts, and no object is allocated', async () => {
  const { figures, goals } = await benchJson('record', '--hosts', '1,50', '--rounds', '1', '--seconds', '0.01');
  const byHosts = figures.byHosts as Fields[];
  assert.equal(
    byHosts.map(({ hosts }) => hosts),
    [1, 50],
  );
  for (const each of byHosts) isTime(each.medianNs, 'ns');
  assert.ok(goals.find(({ goal }) => goal === '< 16 bytes')?.isReached);
});

test.run();
