// The benchmarks once in a tiny form, as the command line runs them: their figures must be there and be
// plausible. Nothing is said here about speed. Those that are not here have files of their own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALGORITHMS } from '../../lib/model.js';
import { bench, type BenchJson, benchJson, type Fields, isWithin } from '../support/bench.js';
import { withProcess, withTempDir } from '../support/brackets.js';
import { ENTRY } from '../support/meercat.js';

const test = suite('bench');

test('pick gives a time for every policy and number of hosts; with a file the table alone is printed', () =>
  withTempDir(async (folder) => {
    const file = join(folder, 'pick.json');
    const { code, stdout } = await bench('pick', '--hosts', '5,200', '--rounds', '2', '--seconds', '0.01', '--json', file);
    assert.is(code, 0);
    assert.match(stdout, /reached: (yes|no)$/);
    const { bench: name, figures } = JSON.parse(readFileSync(file, 'utf8')) as BenchJson;
    assert.is(name, 'pick');
    const byPolicy = figures.byPolicy as Fields[];
    assert.equal(
      byPolicy.map(({ algorithm, hosts }) => `${String(algorithm)} ${String(hosts)}`),
      ALGORITHMS.flatMap((algorithm) => [`${algorithm} 5`, `${algorithm} 200`]),
    );
    for (const each of byPolicy) {
      isWithin(each.medianNs, 1, 1e6, 'ns');
      isWithin(each.bytesPerPick, 0, 1e4, 'bytes');
      assert.ok((each.minNs as number) <= (each.medianNs as number) && (each.medianNs as number) <= (each.maxNs as number));
    }
    assert.is((figures.flat as Fields[]).length, ALGORITHMS.length);
  }));

test('failover ends the master both ways, and freshness sees reports in the tables of all balancers', async () => {
  // Side by side: both mostly wait. Three seconds, for on a busy machine it takes one until the tables are watched.
  const [failover, freshness] = await Promise.all([
    benchJson('failover', '--rounds', '1'),
    benchJson('freshness', '--hosts', '20', '--seconds', '3'),
  ]);
  for (const ending of ['killed', 'stopped']) {
    const { ms, eachMs, failed } = failover.figures[ending] as { ms: Fields; eachMs: number[]; failed: number };
    assert.is(ms.count, 1);
    assert.is(eachMs.length, 1);
    isWithin(ms.max, 1, 20_000, ending);
    isWithin(failed, 0, 1e5, 'failed');
  }
  isWithin(failover.figures.answered, 100, 1e6, 'answered');
  const [only] = freshness.figures.byHosts as [Fields & { ms: Fields }];
  isWithin(only.reports, 40, 100, 'reports');
  isWithin(only.seen, 1, 4 * (only.reports as number), 'seen');
  isWithin(only.ms.p50, 0.01, 10_000, 'p50');
  assert.is((only.cpu as unknown[]).length, 4);
});

test('without a flag the table and one line of JSON are printed', async () => {
  const { code, stdout } = await bench('pick', '--hosts', '3', '--rounds', '1', '--seconds', '0.01');
  assert.is(code, 0);
  assert.match(stdout, /^bench pick\n/);
  const [, json = ''] = /\ngoal: .* reached: (?:yes|no)\n(\{"bench":"pick".*\})$/.exec(stdout) ?? [];
  const { wrong, goals } = JSON.parse(json) as BenchJson;
  assert.equal(wrong, []);
  assert.ok(goals.length > 0);
});

test('what is not understood is refused with 2 and says what is', async () => {
  for (const [args, expected] of [
    [['nope'], 'one of failover, ejection, freshness, pick, forward, profile, latency, idle, processes, policies, churn, not "nope"'],
    [['toString'], 'not "toString"'],
    [['pick', '--connections', '3'], '--connections: bench pick does not take it'],
    [['churn', '--connections', '4097'], '--connections: bench churn takes at most 4096'],
    [['pick', '--hosts', '10,x'], '--hosts: a whole number'],
    [['pick', '--seconds', '-1'], '--seconds'],
    [[], "missing required argument 'name'"],
  ] as const) {
    const { code, stdout, stderr } = await bench(...args);
    assert.is(code, 2, args.join(' '));
    assert.is(stdout, '');
    assert.ok(stderr.includes(expected), stderr);
  }
});

test('a signal stops a benchmark and all that it started', async () => {
  await withProcess({ command: process.execPath, args: [ENTRY, 'bench', 'failover'] }, async (child) => {
    await child.waitForLine(/balancers serve/, 30_000);
    child.kill('SIGINT');
    assert.is((await child.exit).code, 130);
  });
});

test.run();
