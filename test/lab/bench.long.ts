// Small runs of `failover` and `freshness` through the command line: their figures must exist and be consistent. Speed is
// not tested. The other benchmarks have their own files.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { benchJson, type Fields, isCount, isTime } from '../support/bench.js';
import { withProcess } from '../support/brackets.js';
import { ENTRY } from '../support/meercat.js';

const test = suite('bench, long');

test('failover kills and stops the master, and freshness sees reports in the tables of all balancers', async () => {
  // Concurrently, since both mostly wait. Three seconds: on a busy machine it takes one until the tables are polled.
  const [failover, freshness] = await Promise.all([
    benchJson('failover', '--rounds', '1'),
    benchJson('freshness', '--hosts', '20', '--seconds', '3'),
  ]);
  for (const ending of ['killed', 'stopped']) {
    const { ms, eachMs, failed } = failover.figures[ending] as { ms: Fields; eachMs: number[]; failed: number };
    assert.is(ms.count, 1);
    assert.is(eachMs.length, 1);
    isTime(ms.max, ending);
    isCount(failed, 'failed');
  }
  assert.ok((failover.figures.answered as number) > 100, 'answered');
  const [only] = freshness.figures.byHosts as [Fields & { ms: Fields }];
  isCount(only.reports, 'reports');
  assert.ok((only.seen as number) > 0 && (only.seen as number) <= 4 * (only.reports as number), 'seen');
  isTime(only.ms.p50, 'p50');
  assert.is((only.cpu as unknown[]).length, 4);
});

test('a signal stops a benchmark and all its processes', async () => {
  await withProcess({ command: process.execPath, args: [ENTRY, 'bench', 'failover'] }, async (child) => {
    await child.waitForLine(/balancers serve/, 30_000);
    child.kill('SIGINT');
    assert.is((await child.exit).code, 130);
  });
});

test.run();
