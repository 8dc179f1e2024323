// The cgroup probe and the choice of `auto`, on trees of files as Linux lays them out: v2, v1, both,
// nested, unlimited, malformed. The mountinfo of each tree points into the tree.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openProbe } from '../../lib/agent/probe.js';
import type { Probe } from '../../lib/agent/probe-model.js';

type Files = Record<string, string>;

interface Tree {
  /** Advances the clock by a second and rewrites some files. */
  later(files: Files): void;
  open(spec: string, coresLimit?: number): Promise<Probe>;
}

/** A machine of 8 cores and 8000 kB. `$DIR` in a file's text is the tree's folder. */
const MACHINE: Files = {
  'proc/stat': `cpu  1 2 3 4\n${Array.from({ length: 8 }, (_, n) => `cpu${n} 1 2 3 4\n`).join('')}intr 5\n`,
  'proc/meminfo': 'MemTotal:       8000 kB\nMemFree:        1 kB\n',
  'proc/self/status': 'Name:\tx\nCpus_allowed_list:\t0-127\n',
};

const V2_MOUNT = '31 23 0:28 / $DIR/cg rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n';

const V2: Files = {
  ...MACHINE,
  'proc/self/cgroup': '0::/\n',
  'proc/self/mountinfo': `22 1 0:2 / /proc rw - proc proc rw\n${V2_MOUNT}`,
  'cg/cpu.stat': 'usage_usec 1000000\nuser_usec 1\n',
  'cg/cpu.max': '150000 100000\n',
  'cg/cpuset.cpus.effective': '0-3\n',
  'cg/memory.max': '4096000\n',
  'cg/memory.current': '3072000\n',
  'cg/memory.stat': 'anon 5\ninactive_file 1024000\ntotal_inactive_file 7\n',
};

const UNLIMITED: Files = {
  ...V2,
  'cg/cpu.max': 'max 100000\n',
  'cg/cpuset.cpus.effective': '0-7\n',
  'cg/memory.max': 'max\n',
};

const V1: Files = {
  ...MACHINE,
  'proc/self/cgroup': '9:name=systemd:/a\n4:memory:/a\n3:cpuset:/a\n2:cpu,cpuacct:/a\n0::/\n',
  'proc/self/mountinfo':
    '31 23 0:28 / $DIR/cg rw - tmpfs tmpfs rw,mode=755\n' +
    '32 31 0:29 / $DIR/cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n' +
    '34 31 0:31 / $DIR/cg/cpuset rw - cgroup cgroup rw,cpuset\n' +
    '35 31 0:32 / $DIR/cg/memory rw - cgroup cgroup rw,memory\n' +
    '41 31 0:38 / $DIR/cg/unified rw - cgroup2 cgroup2 rw\n',
  'cg/unified/cpu.stat': 'usage_usec 1\n',
  'cg/cpu,cpuacct/cpu.cfs_quota_us': '-1\n',
  'cg/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
  'cg/cpu,cpuacct/cpuacct.usage': '9000000000\n',
  'cg/cpu,cpuacct/a/cpu.cfs_quota_us': '200000\n',
  'cg/cpu,cpuacct/a/cpu.cfs_period_us': '100000\n',
  'cg/cpu,cpuacct/a/cpuacct.usage': '1000000000\n',
  'cg/cpuset/a/cpuset.cpus': '0-7\n',
  'cg/memory/memory.limit_in_bytes': '9223372036854771712\n',
  'cg/memory/a/memory.limit_in_bytes': '4096000\n',
  'cg/memory/a/memory.usage_in_bytes': '3072000\n',
  'cg/memory/a/memory.stat': 'inactive_file 9\ntotal_inactive_file 2048000\n',
};

async function withTree(files: Files, use: (tree: Tree) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'meercat cgroup-')); // the space is escaped in mountinfo
  let now = 0;
  const write = (some: Files) => {
    for (const [path, text] of Object.entries(some)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text.replaceAll('$DIR', folder.replaceAll(' ', '\\040')));
    }
  };
  try {
    write(files);
    await use({
      later: (some) => {
        now += 1000;
        write(some);
      },
      open: (spec, coresLimit) => openProbe(spec, { coresLimit, timeoutMs: 5000, procRoot: join(folder, 'proc'), nowMs: () => now }),
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('v2: CPU is a fraction of the quota, memory one of the limit without the idle page cache', () =>
  withTree(V2, async (tree) => {
    const probe = await tree.open('cgroup');
    assert.is(probe.kind, 'cgroup');
    assert.equal(await probe.read(), { cpu: null, memory: 0.5, cores: 1.5, rps: null });
    tree.later({ 'cg/cpu.stat': 'usage_usec 1750000\n' });
    assert.equal(await probe.read(), { cpu: 0.5, memory: 0.5, cores: 1.5, rps: null });
    tree.later({ 'cg/cpu.stat': 'usage_usec 9000000\n' });
    assert.is((await probe.read()).cpu, 1, 'a burst above the quota is clamped');
    probe.close();
  }));

test('v1: the same figures from their own files and hierarchies', () =>
  withTree(V1, async (tree) => {
    const probe = await tree.open('cgroup');
    tree.later({ 'cg/cpu,cpuacct/a/cpuacct.usage': '2000000000\n' });
    assert.equal(await probe.read(), { cpu: 0.5, memory: 0.25, cores: 2, rps: null });
  }));

test('--cores overrides the cores that are found', () =>
  withTree(V2, async (tree) => {
    const probe = await tree.open('cgroup', 3);
    tree.later({ 'cg/cpu.stat': 'usage_usec 1750000\n' });
    assert.equal(await probe.read(), { cpu: 0.25, memory: 0.5, cores: 3, rps: null });
  }));

test('a container that is resized while it runs is measured by its new limits', () =>
  withTree(V2, async (tree) => {
    const probe = await tree.open('cgroup');
    tree.later({ 'cg/cpu.max': '300000 100000\n', 'cg/memory.max': '8192000\n', 'cg/cpu.stat': 'usage_usec 2500000\n' });
    assert.equal(await probe.read(), { cpu: 0.5, memory: 0.25, cores: 3, rps: null });
  }));

const NESTED: Files = {
  ...V2,
  'proc/self/cgroup': '0::/pod/box\n',
  'cg/cpu.max': 'max 100000\n',
  'cg/memory.max': 'max\n',
  'cg/pod/cpu.max': '200000 100000\n',
  'cg/pod/cpu.stat': 'usage_usec 0\n',
  'cg/pod/memory.max': 'max\n',
  'cg/pod/box/cpu.max': 'max 100000\n',
  'cg/pod/box/cpu.stat': 'usage_usec 0\n',
  'cg/pod/box/memory.max': '2048000\n',
  'cg/pod/box/memory.current': '512000\n',
  'cg/pod/box/memory.stat': 'inactive_file 0\n',
};

test('v2 nested: the tightest limit counts, and use is counted at the level that sets it', () =>
  withTree(NESTED, async (tree) => {
    const probe = await tree.open('cgroup');
    tree.later({ 'cg/pod/cpu.stat': 'usage_usec 1000000\n', 'cg/pod/box/cpu.stat': 'usage_usec 100000\n' });
    assert.equal(await probe.read(), { cpu: 0.5, memory: 0.25, cores: 2, rps: null });
  }));

test('a mount that shows only the container, with the host’s path for it', () =>
  withTree(
    { ...V2, 'proc/self/cgroup': '0::/docker/abc\n', 'proc/self/mountinfo': V2_MOUNT.replace(' / ', ' /docker/abc ') },
    async (tree) => assert.equal(await (await tree.open('cgroup')).read(), { cpu: null, memory: 0.5, cores: 1.5, rps: null }),
  ));

test('a path outside what is mounted, or one with .., means the mounted control group itself', async () => {
  for (const path of ['/docker/abc', '/../../other', '/..']) {
    await withTree({ ...UNLIMITED, 'proc/self/cgroup': `0::${path}\n` }, async (tree) => {
      assert.is((await (await tree.open('cgroup')).read()).memory, 0.25, path);
    });
  }
});

test('without limits the bounds are the machine, and affinity never gives more cores than are online', () =>
  withTree(UNLIMITED, async (tree) => {
    assert.equal(await (await tree.open('cgroup')).read(), { cpu: null, memory: 0.25, cores: 8, rps: null });
    tree.later({ 'cg/cpuset.cpus.effective': '\n' });
    assert.is((await (await tree.open('cgroup')).read()).cores, 8);
    tree.later({ 'proc/self/status': 'Cpus_allowed_list:\t2-3\n' });
    assert.is((await (await tree.open('cgroup')).read()).cores, 2);
  }));

test('a malformed limit is no limit, and a malformed figure is null', () =>
  withTree(V2, async (tree) => {
    const probe = await tree.open('cgroup');
    for (const text of ['', 'x', '0 100000', '150000 0', '150000', '-5 -5', 'NaN NaN', '\0\0']) {
      tree.later({ 'cg/cpu.max': text, 'cg/memory.max': text });
      const { memory, cores } = await probe.read();
      assert.is(cores, 4, text);
      if (!text.startsWith('150000')) assert.is(memory, 0.25, text);
    }
    tree.later({ 'cg/cpu.stat': 'nonsense' });
    assert.is((await probe.read()).cpu, null);
    tree.later({ 'cg/cpu.stat': 'usage_usec 2000000', 'cg/memory.current': '-1' });
    assert.is((await probe.read()).memory, null);
    tree.later({ 'cg/memory.current': '5', 'cg/memory.stat': 'inactive_file 10' });
    assert.is((await probe.read()).memory, 0);
    tree.later({ 'cg/memory.stat': 'inactive_file x' });
    assert.is((await probe.read()).memory, null);
  }));

test('a read rejects once the control group is gone', () =>
  withTree(V2, async (tree) => {
    const probe = await tree.open('cgroup');
    tree.later({ 'cg/cpu.stat': '', 'cg/memory.current': '' });
    const error = await probe.read().then(
      () => null,
      (thrown: Error) => thrown,
    );
    assert.match(error?.message ?? '', /tells neither its CPU time nor its memory/);
  }));

test('no control group, or a malformed description of it, is a clear error', async () => {
  const broken: Files[] = [
    MACHINE,
    { ...V2, 'proc/self/cgroup': '' },
    { ...V2, 'proc/self/cgroup': 'garbage\n0:\n::::\n4:memory\n' },
    { ...V2, 'proc/self/mountinfo': 'garbage\n - - -\n1 2 3 4 5 - cgroup2\n' },
    { ...V2, 'cg/cpu.stat': '', 'cg/memory.current': '' },
  ];
  for (const files of broken) {
    await withTree(files, async (tree) => {
      const error = await tree.open('cgroup').then(
        () => null,
        (thrown) => thrown,
      );
      assert.is(error?.code, 'MEERCAT_BAD_CONFIG');
      assert.match(error.message, /--probe cgroup.*use --probe machine/);
    });
  }
});

test('auto takes the cgroup in a container that is limited by quota, cpuset or memory', async () => {
  const limits: Files[] = [{ 'cg/cpu.max': '799999 100000' }, { 'cg/cpuset.cpus.effective': '0-6' }, { 'cg/memory.max': '8191999' }];
  for (const limit of limits) {
    await withTree({ ...UNLIMITED, ...limit }, async (tree) => assert.is((await tree.open('auto')).kind, 'cgroup'));
  }
  await withTree(V1, async (tree) => assert.is((await tree.open('auto')).kind, 'cgroup'));
  await withTree(NESTED, async (tree) => assert.is((await tree.open('auto')).kind, 'cgroup'));
});

test('auto takes the machine where nothing limits to less than the machine, or nothing is known', async () => {
  const machines: Files[] = [
    UNLIMITED,
    MACHINE,
    { ...UNLIMITED, 'cg/cpu.max': '800000 100000', 'cg/memory.max': '8192000' },
    { ...UNLIMITED, 'cg/cpu.max': '', 'cg/memory.max': 'x', 'cg/cpuset.cpus.effective': '?' },
  ];
  for (const files of machines) {
    await withTree(files, async (tree) => assert.is((await tree.open('auto')).kind, 'machine'));
  }
});

test('auto does not take the limits of the systemd service that the agent runs in for its host’s', async () => {
  const service: Files = {
    ...UNLIMITED,
    'proc/self/cgroup': '0::/system.slice/agent.service\n',
    'cg/system.slice/cpu.stat': 'usage_usec 0\n',
    'cg/system.slice/agent.service/memory.max': '1000\n',
    'cg/system.slice/agent.service/cpu.stat': 'usage_usec 0\n',
  };
  await withTree(service, async (tree) => assert.is((await tree.open('auto')).kind, 'machine'));
  await withTree({ ...service, 'cg/memory.max': '4096000\n' }, async (tree) => {
    const probe = await tree.open('auto');
    assert.is(probe.kind, 'cgroup');
    assert.is((await probe.read()).memory, 0.5);
  });
});

test.run();
