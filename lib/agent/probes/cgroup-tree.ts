// Finds the control groups of a process and their limits: cgroup v2, v1, and hybrid mounts, where each controller is
// taken from its own hierarchy. Read-only.
// See cgroups(7) and the kernel's admin-guide/cgroup-v2 and cgroup-v1.

import { existsSync } from 'node:fs';
import { countCpus, parseCount } from './figures.js';
import { readText } from './proc.js';

/** One controller's control groups, from the outermost visible one to the process's own. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Folders, outermost first, at least one. In a container the outermost is the container itself. */
  readonly levels: readonly string[];
}

/** The control groups of a process, per controller; null if not mounted. */
export interface CgroupPlace {
  readonly cpu: Hierarchy | null;
  /** CPU accounting: the same as `cpu` in v2, a separate hierarchy in v1. */
  readonly cpuacct: Hierarchy | null;
  readonly cpuset: Hierarchy | null;
  readonly memory: Hierarchy | null;
}

/** The tightest limit between the outermost level and the process's own. */
export interface Limit {
  readonly value: number;
  /** Index into `levels` of the group that sets it. */
  readonly depth: number;
}

interface Mount {
  readonly type: string;
  /** Full path of the mounted control group. */
  readonly root: string;
  readonly folder: string;
  readonly controllers: readonly string[];
}

/** Finds the visible control groups of a process (`self` or a pid). */
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

/** Number of cores in the cpuset; null if unknown. */
export function cpusetCores(cpuset: Hierarchy | null): number | null {
  const folder = cpuset?.levels.at(-1);
  if (cpuset?.version === 2) return countCpus(readText(`${folder}/cpuset.cpus.effective`));
  return countCpus(readText(`${folder}/cpuset.effective_cpus`)) ?? countCpus(readText(`${folder}/cpuset.cpus`));
}

/** On a tie the outer level wins: it accounts for all groups that share the limit. */
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

/** Decodes the octal escapes for white space and backslashes in mountinfo. */
function unescapePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The folders from the mount to the control group `path`. In a container, `path` can be the host's path, which its mount
 * does not contain: then only the mount's folder is returned, which is the container.
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
