// Groups of processes with a limit: a run leaves none behind, and removes those of a run that was killed. On a
// machine where this user may make none, the tests with real groups have nothing to do.

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findCgroups } from '../../../lib/agent/probes/cgroup-tree.js';
import { Cgroups } from '../../../lib/lab/proof/cgroups.js';
import { chooseQuota, shareCore } from '../../../lib/lab/proof/quota.js';
import { createShutdown } from '../../../lib/shutdown.js';
import { withTempDir } from '../../support/brackets.js';

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

test('without groups all balancers share one core, and it is said', () => {
  const said: string[] = [];
  const cores = shareCore((line) => said.push(line));
  if (cores === undefined) return;
  assert.is(cores.kind, 'taskset');
  assert.ok(cores.balancerCore !== null && cores.loadCore !== null && cores.balancerCore !== cores.loadCore);
  assert.match(said.join('\n'), /share one core by taskset/);
});

test.run();
