// Where groups of processes can be, and that a run leaves none behind, nor finds those of a run that was killed. On a
// machine where this user may make none, the tests with real groups have nothing to do.

import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Cgroups, groupPlaces } from '../../../lib/lab/proof/cgroups.js';
import { chooseQuota, shareCore } from '../../../lib/lab/proof/quota.js';
import { createShutdown } from '../../../lib/shutdown.js';
import { withTempDir } from '../../support/brackets.js';

const test = suite('control groups');

test('groups can be in the own group and in those above it, as far as they exist', () =>
  withTempDir(async (folder) => {
    mkdirSync(join(folder, 'user', 'shell:1'), { recursive: true });
    const mounts = `proc /proc proc rw 0 0\ncgroup2 ${folder} cgroup2 rw 0 0\ncgroup /one cgroup rw,cpuset 0 0\ncgroup ${folder} cgroup rw,cpu,cpuacct 0 0\n`;
    const [own, ofUser] = [join(folder, 'user', 'shell:1'), join(folder, 'user')];
    assert.equal(groupPlaces(2, mounts, '4:cpu,cpuacct:/user\n0::/user/shell:1\n'), [own, ofUser, `${folder}/`]);
    assert.equal(groupPlaces(1, mounts, '4:cpu,cpuacct:/user\n0::/user/shell:1\n'), [ofUser, `${folder}/`]);
    assert.equal(groupPlaces(1, mounts, '4:cpuset:/user\n4:cpu,cpuacct:/of/outside\n'), [`${folder}/`]);
    assert.equal(groupPlaces(2, 'proc /proc proc rw 0 0\n', '0::/\n'), []);
  }));

test('where no group can be made there is none', () =>
  withTempDir(async (folder) => {
    assert.is(Cgroups.openIn(2, [join(folder, 'missing')]), undefined);
    // No file system of the kernel: no controller appears in it.
    for (const version of [1, 2] as const) assert.is(Cgroups.openIn(version, [folder]), undefined);
    assert.equal(readdirSync(folder), []);
  }));

/** The places of the version that works here; undefined if neither does. */
function workingPlaces(): { readonly version: 1 | 2; readonly places: string[] } | undefined {
  for (const version of [2, 1] as const) {
    const places = groupPlaces(version, readFileSync('/proc/self/mounts', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
    const groups = Cgroups.openIn(version, places);
    if (groups === undefined) continue;
    void groups.remove();
    return { version, places };
  }
  return undefined;
}

test('a process is limited, and neither its group nor that of a killed run is left', async () => {
  const working = workingPlaces();
  if (working === undefined) return;
  const place = working.places.at(-1) as string;
  // A process of this id, but not of this start, is gone.
  const leftover = join(place, `meercat-bench-${process.pid}-1`);
  mkdirSync(join(leftover, 'b1'), { recursive: true });
  const said: string[] = [];
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  const quota = await chooseQuota(shutdown, (line) => said.push(line));
  await shutdown.run();
  assert.is(quota.kind, working.version === 2 ? 'cgroup-v2' : 'cgroup-v1');
  assert.ok(
    said.some((line) => line === `CPU is limited by control groups of version ${working.version}`),
    said.join('\n'),
  );
  for (const each of working.places)
    assert.equal(
      [leftover, join(each, `meercat-bench-${process.pid}`)].filter((folder) => existsSync(folder)),
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
