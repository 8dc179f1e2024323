// Groups of processes with a limit: a run leaves none behind, and removes those of a run that was killed. On a
// machine where this user may make none, the tests with real groups have nothing to do.

import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findCgroups } from '../../../lib/agent/probes/cgroup-tree.js';
import { pause } from '../../../lib/lab/health.js';
import { threadSecondsOf } from '../../../lib/lab/process-cpu.js';
import { startProgram } from '../../../lib/lab/processes.js';
import { Cgroups } from '../../../lib/lab/proof/cgroups.js';
import { chooseQuota, shareCore } from '../../../lib/lab/proof/quota.js';
import { startTicksOf } from '../../../lib/process-stat.js';
import { createShutdown } from '../../../lib/shutdown.js';
import { until, withTempDir } from '../../support/brackets.js';

const test = suite('control groups');

test('where no group can be made there is none', () =>
  withTempDir(async (folder) => {
    assert.is(Cgroups.openIn({ version: 2, levels: [join(folder, 'missing')] }), undefined);
    // No file system of the kernel: no controller appears in it.
    for (const version of [1, 2] as const) assert.is(Cgroups.openIn({ version, levels: [folder] }), undefined);
    assert.equal(readdirSync(folder), []);
  }));

test('a process is limited, and neither its group nor that of a killed run is left', async () => {
  const { cpu } = findCgroups('/proc', 'self');
  const groups = cpu === null ? undefined : Cgroups.openIn(cpu);
  if (cpu === null || groups === undefined) return;
  await groups.remove();
  const place = cpu.levels[0] as string;
  // A process of this id, but not of this start, is gone.
  const leftover = join(place, `meercat-bench-${process.pid}-1`);
  mkdirSync(join(leftover, 'b1'), { recursive: true });
  const said: string[] = [];
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  const quota = await chooseQuota(shutdown, (line) => said.push(line));
  await shutdown.run();
  assert.is(quota.kind, cpu.version === 2 ? 'cgroup-v2' : 'cgroup-v1');
  assert.ok(
    said.some((line) => line === `CPU is limited by control groups of version ${cpu.version}`),
    said.join('\n'),
  );
  for (const each of cpu.levels)
    assert.equal(
      readdirSync(each).filter((name) => name.startsWith(`meercat-bench-${process.pid}-`)),
      [],
    );
});

test('two processes that never wait get together what their group permits, and without a limit more', async () => {
  const { cpu } = findCgroups('/proc', 'self');
  const groups = cpu === null ? undefined : Cgroups.openIn(cpu);
  if (groups === undefined) return;
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  shutdown.add(() => groups.remove());
  try {
    const spinning = () => startProgram('/bin/sh', ['-c', 'while :; do :; done'], { core: null, shutdown });
    const pids = [await spinning(), await spinning()].map(({ pid }) => pid);
    const usedSeconds = (): number => pids.reduce((sum, pid) => sum + [...threadSecondsOf(pid).values()].reduce((a, b) => a + b, 0), 0);
    const group = groups.add('spinning', pids);
    group.limit(0.2);
    // Against other processes they weigh as much as without a group: only the limit is to count.
    const run = cpu?.levels
      .map((each) => join(each, `meercat-bench-${process.pid}-${startTicksOf(process.pid)}`))
      .find((each) => existsSync(each));
    const [file, unit] = groups.version === 2 ? ['cpu.weight', 100] : ['cpu.shares', 1024];
    assert.ok(Number(readFileSync(join(run as string, file), 'utf8')) >= 8 * unit);
    await pause(100);
    const [fromSeconds, fromMs] = [usedSeconds(), performance.now()];
    await pause(1000);
    const cores = (usedSeconds() - fromSeconds) / ((performance.now() - fromMs) / 1000);
    // A busy machine only gives less; a period may be cut at either end.
    assert.ok(cores > 0 && cores < 0.25, `${cores} cores`);
    group.limit(null);
    const before = usedSeconds();
    await until(() => usedSeconds() - before > 0.3, { what: () => 'more CPU without a limit' });
  } finally {
    await shutdown.run();
  }
});

test('without groups all balancers share one core, and it is said', () => {
  const said: string[] = [];
  const cores = shareCore((line) => said.push(line));
  if (cores === undefined) return;
  assert.is(cores.kind, 'taskset');
  assert.ok(cores.balancerCore !== null && cores.loadCore !== null && cores.balancerCore !== cores.loadCore);
  assert.match(said.join('\n'), /share one core by taskset/);
});

test.run();
