// Where a process stands among the control groups, and what limits it there: cgroup v2, v1, and both
// mounted side by side, in which case each controller is taken from where it is. Reads only.
// See cgroups(7) and the kernel's admin-guide/cgroup-v2 and cgroup-v1.

import { existsSync } from 'node:fs';
import { countCpus, parseCount } from './figures.js';
import { readText } from './proc.js';

/** One controller's control groups from the outermost that can be seen to the process's own. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Folders, outermost first, at least one. In a container the outermost is the container itself. */
  readonly levels: readonly string[];
}

/** Where a process stands, for each controller; null where it is not mounted. */
export interface CgroupPlace {
  readonly cpu: Hierarchy | null;
  /** Where CPU time is counted: the same as `cpu` in v2, a tree of its own in v1. */
  readonly cpuacct: Hierarchy | null;
  readonly cpuset: Hierarchy | null;
  readonly memory: Hierarchy | null;
}

/** The tightest of the limits on the way from the outermost level to the own one. */
export interface Limit {
  readonly value: number;
  /** Index into `levels` of who sets it. */
  readonly depth: number;
}

interface Mount {
  readonly type: string;
  /** Which control group is mounted, by its full path. */
  readonly root: string;
  readonly folder: string;
  readonly controllers: readonly string[];
}

/** Finds the control groups of a process (`self` or a pid) that can be seen from here. */
export function findCgroups(procRoot: string, pid: number | 'self'): CgroupPlace {
  const memberships = (readText(`${procRoot}/${pid}/cgroup`) ?? '').split('\n');
  const mounts = (readText(`${procRoot}/self/mountinfo`) ?? '').split('\n').map(parseMount);
  const find = (controller: string): Hierarchy | null => {
    for (const membership of memberships) {
      const [, names, path] = /^[1-9]\d*:([^:]*):(\/.*)$/.exec(membership) ?? [];
      if (!path || !names?.split(',').includes(controller)) continue;
      const levels = levelsOf(
        path,
        mounts.filter((one) => one?.type === 'cgroup' && one.controllers.includes(controller)),
      );
      if (levels) return { version: 1, levels };
    }
    const unified = memberships.find((one) => one.startsWith('0::/'))?.slice(3);
    const levels = unified
      ? levelsOf(
          unified,
          mounts.filter((one) => one?.type === 'cgroup2'),
        )
      : null;
    return levels && { version: 2, levels };
  };
  return { cpu: find('cpu'), cpuacct: find('cpuacct'), cpuset: find('cpuset'), memory: find('memory') };
}

/** The tightest CPU quota, in cores; null when there is none. */
export function cpuQuota(cpu: Hierarchy | null): Limit | null {
  return tightest(cpu, (folder, version) => {
    const [quota, period] =
      version === 2
        ? (readText(`${folder}/cpu.max`) ?? '').split(' ')
        : [readText(`${folder}/cpu.cfs_quota_us`), readText(`${folder}/cpu.cfs_period_us`)];
    const quotaUs = parseCount(quota);
    const periodUs = parseCount(period);
    return quotaUs && periodUs ? quotaUs / periodUs : null;
  });
}

/** The tightest memory limit, in bytes; null when there is none. "No limit" is a huge number in v1. */
export function memoryLimit(memory: Hierarchy | null): Limit | null {
  return tightest(memory, (folder, version) => parseCount(readText(`${folder}/${version === 2 ? 'memory.max' : 'memory.limit_in_bytes'}`)));
}

/** How many cores the cpuset leaves; null when that cannot be told. */
export function cpusetCores(cpuset: Hierarchy | null): number | null {
  const folder = cpuset?.levels.at(-1);
  if (cpuset?.version === 2) return countCpus(readText(`${folder}/cpuset.cpus.effective`));
  return countCpus(readText(`${folder}/cpuset.effective_cpus`)) ?? countCpus(readText(`${folder}/cpuset.cpus`));
}

/** On a tie the outer level wins: it counts the use of all that share the limit. */
function tightest(hierarchy: Hierarchy | null, limitOf: (folder: string, version: 1 | 2) => number | null): Limit | null {
  let found: Limit | null = null;
  for (const [depth, folder] of hierarchy?.levels.entries() ?? []) {
    const value = limitOf(folder, hierarchy?.version ?? 2);
    if (value && (found === null || value < found.value)) found = { value, depth };
  }
  return found;
}

/** A line of mountinfo: `31 23 0:28 ROOT FOLDER OPTIONS… - TYPE SOURCE CONTROLLERS`. */
function parseMount(line: string): Mount | null {
  const [place = '', filesystem = ''] = line.split(' - ');
  const [, , , root, folder] = place.split(' ');
  const [type, , options] = filesystem.split(' ');
  if (!root || !folder || !type || !options) return null;
  return { type, root: unescapePath(root), folder: unescapePath(folder), controllers: options.split(',') };
}

/** Undoes the octal escapes that stand for white space and backslashes in mountinfo. */
function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The folders from a mount's to that of the control group `path`. A container may see a path that its
 * mount does not hold (it names the control group as the machine knows it): then only the mount's
 * folder is left, which is the container.
 */
function levelsOf(path: string, mounts: readonly (Mount | null)[]): readonly string[] | null {
  const mount = mounts.find((one) => one && isWithin(path, one.root)) ?? mounts[0];
  if (!mount) return null;
  const rest = isWithin(path, mount.root) ? path.slice(mount.root.length) : '';
  const levels = [mount.folder];
  for (const name of rest.split('/').filter(Boolean)) levels.push(`${levels.at(-1)}/${name}`);
  return !rest.split('/').includes('..') && existsSync(levels.at(-1) ?? '') ? levels : [mount.folder];
}

function isWithin(path: string, root: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`);
}
