// Groups of processes whose CPU the kernel limits: control groups of version 2 (cpu.max) or 1 (cpu.cfs_quota_us); see
// cgroup-v2 and sched-bwc in the kernel's documentation. Each run has one folder of groups, named after its process, and
// removes it at its end; what a run that was killed left behind, the next one removes. No process is ever killed for it.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Hierarchy } from '../../agent/probes/cgroup-tree.js';
import { pause } from '../health.js';
import { startTicksOf } from '../../process-stat.js';

/** The kernel hands out CPU in periods: a short one delays less, and a quota may not be below 1 ms. */
export const PERIOD_MS = 20;
const PERIOD_MICROS = PERIOD_MS * 1000;
const LEAST_QUOTA_MICROS = 1000;

/** The least share of a core that can be given. */
export const LEAST_CORES = LEAST_QUOTA_MICROS / PERIOD_MICROS;

/**
 * Weight of all groups together against a process outside of them, which has 1: as many processes are in them at most in a
 * turn. Only the quota is to limit them; by default the groups together would weigh as much as one process.
 */
const WEIGHT = 16;
/** The weight of one process: cpu.shares in version 1, cpu.weight in version 2. */
const UNIT_WEIGHT = { 1: 1024, 2: 100 } as const;

const PREFIX = 'meercat-bench-';
const REMOVE_TIMEOUT_MS = 3000;

/** The groups of a run. */
export class Cgroups {
  readonly version: Hierarchy['version'];
  readonly #folder: string;

  private constructor(version: Hierarchy['version'], folder: string) {
    this.version = version;
    this.#folder = folder;
  }

  /** Makes the folder of this run, in the own control group or the next one above it that permits it; undefined if none does. */
  static openIn({ version, levels }: Hierarchy): Cgroups | undefined {
    for (const place of levels.toReversed()) {
      removeLeftovers(place);
      const folder = join(place, `${PREFIX}${process.pid}-${startTicksOf(process.pid)}`);
      try {
        mkdirSync(folder);
      } catch {
        continue;
      }
      const groups = new Cgroups(version, folder);
      // In version 2 a group has the files of those controllers that its parent hands down.
      const isReady =
        version === 1 ? existsSync(join(folder, 'cpu.cfs_quota_us')) : (isHandedDown(folder) || handDown(place)) && handDown(folder);
      if (isReady) {
        tell(join(folder, version === 1 ? 'cpu.shares' : 'cpu.weight'), String(WEIGHT * UNIT_WEIGHT[version]));
        return groups;
      }
      groups.#removeNow();
    }
    return undefined;
  }

  /** Makes a group for these processes and their threads. Throws what the kernel answers. */
  add(name: string, pids: readonly number[]): Cgroup {
    const group = join(this.#folder, name);
    mkdirSync(group, { recursive: true });
    for (const pid of pids) tell(join(group, 'cgroup.procs'), String(pid));
    return new Cgroup(this.version, group);
  }

  /** Removes all groups once their processes are gone; gives up after 3 s, and the next run tries again. */
  async remove(): Promise<void> {
    const deadlineMs = performance.now() + REMOVE_TIMEOUT_MS;
    while (!this.#removeNow() && performance.now() < deadlineMs) await pause(20);
  }

  #removeNow(): boolean {
    return removeFolder(this.#folder);
  }
}

/** One group. */
export class Cgroup {
  readonly #version: Hierarchy['version'];
  readonly #folder: string;

  constructor(version: Hierarchy['version'], folder: string) {
    this.#version = version;
    this.#folder = folder;
  }

  /** Limits its processes together to this many cores; null for no limit. Throws what the kernel answers. */
  limit(cores: number | null): void {
    const quota = cores === null ? null : Math.max(LEAST_QUOTA_MICROS, Math.round(cores * PERIOD_MICROS));
    if (this.#version === 2) {
      tell(join(this.#folder, 'cpu.max'), `${quota ?? 'max'} ${PERIOD_MICROS}`);
      return;
    }
    tell(join(this.#folder, 'cpu.cfs_period_us'), String(PERIOD_MICROS));
    tell(join(this.#folder, 'cpu.cfs_quota_us'), String(quota ?? -1));
  }

  /** How many periods ended with its processes waiting for the next one, as the kernel counts them. */
  throttledPeriods(): number {
    return Number(/^nr_throttled (\d+)$/m.exec(readFileSync(join(this.#folder, 'cpu.stat'), 'utf8'))?.[1] ?? 0);
  }
}

/** Writes to a file of the kernel; never makes one. */
function tell(file: string, text: string): void {
  writeFileSync(file, text, { flag: 'r+' });
}

function isHandedDown(folder: string): boolean {
  return existsSync(join(folder, 'cpu.max'));
}

function handDown(place: string): boolean {
  try {
    tell(join(place, 'cgroup.subtree_control'), '+cpu');
    return true;
  } catch {
    return false;
  }
}

/** Removes the folders of runs whose process is gone. */
function removeLeftovers(place: string): void {
  try {
    for (const name of readdirSync(place)) {
      const [, pid, ticks] = new RegExp(`^${PREFIX}(\\d+)-(\\d+)$`).exec(name) ?? [];
      if (pid !== undefined && startTicksOf(Number(pid)) !== Number(ticks)) removeFolder(join(place, name));
    }
  } catch {
    // It may not be read; then nothing of ours is there.
  }
}

/** Removes a folder with its groups, if no process is left in them. */
function removeFolder(folder: string): boolean {
  try {
    for (const each of readdirSync(folder, { withFileTypes: true })) if (each.isDirectory()) rmdirSync(join(folder, each.name));
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}
