// A small run of `bench route` through the command line: its figures must exist and be consistent, and no find may
// allocate. Speed is not tested.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ROUTE_CASES } from '../../lib/lab/route-cases.js';
import { benchJson, type Fields, isTime } from '../support/bench.js';

const test = suite('bench route, long');

test('route measures each number of routes and each worst case, and nothing is allocated', async () => {
  const { figures, goals } = await benchJson('route', '--routes', '1,50', '--rounds', '1', '--seconds', '0.01');
  const byCase = figures.byCase as Fields[];
  const [mixed, ...worst] = ROUTE_CASES;
  assert.equal(
    byCase.map((each) => `${String(each.case)} ${String(each.routes)}`),
    [`${mixed} 1`, `${mixed} 50`, ...worst.map((name) => `${name} 1000`)],
  );
  for (const each of byCase) isTime(each.medianNs, 'ns');
  assert.ok(goals.find(({ goal }) => goal === '< 1 bytes')?.isReached);
});

test.run();
