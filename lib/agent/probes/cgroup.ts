// Measures the agent's control group: the right choice inside a container, where the machine's figures do not show the
// container's limits. Usage is read at the level that sets the limit, so that it includes all groups that share the
// limit; without a limit, at the agent's own level relative to the whole machine.

import { MeercatError, messageOf } from '../../errors.js';
import type { HostFigures } from '../../model.js';
import type { Probe, ProbeOptions } from '../probe-model.js';
import { cpuQuota, cpusetCores, findCgroups, memoryLimit } from './cgroup-tree.js';
import type { CgroupPlace, Hierarchy, Limit } from './cgroup-tree.js';
import { CpuMeter, fractionOf, parseCount } from './figures.js';
import { allowedCores, machineCores, machineMemoryBytes, readField, readText } from './proc.js';

/**
 * Which control groups count: the agent's `own` and all enclosing ones, or only those of the `container`: the limit of a
 * systemd service (`agent.service`) applies to the agent only, and its host runs outside of it.
 */
export type CgroupScope = 'own' | 'container';

/** The resources available to the control group. */
interface Bounds {
  /** Cores; can be fractional. */
  readonly cores: number;
  /** The CPU quota, if lower than the machine's CPU. */
  readonly quota: Limit | null;
  readonly memoryBytes: number;
  /** The memory limit, if lower than the machine's memory. */
  readonly memory: Limit | null;
}

/** True inside a container whose CPU (quota or cpuset) or memory is limited to less than the machine's. */
export function isLimitedContainer(options: ProbeOptions): boolean {
  const procRoot = options.procRoot ?? '/proc';
  const place = placeOf(procRoot, 'container');
  const { quota, memory } = boundsOf(place, procRoot);
  return quota !== null || memory !== null || (cpusetCores(place.cpuset) ?? Infinity) < machineCores(procRoot);
}

/** Opens the probe of the agent's control group. Throws MEERCAT_BAD_CONFIG where there is none. */
export async function openCgroupProbe(options: ProbeOptions, scope: CgroupScope): Promise<Probe> {
  const procRoot = options.procRoot ?? '/proc';
  const place = placeOf(procRoot, scope);
  if (!place.cpuacct && !place.memory) {
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      '--probe cgroup needs a mounted Linux control group, and there is none here: use --probe machine',
    );
  }
  const meter = new CpuMeter(options.nowMs);

  const read = async (): Promise<HostFigures> => {
    // Limits are read each time: a container can be resized while it runs.
    const bounds = boundsOf(place, procRoot);
    const cores = options.coresLimit ?? bounds.cores;
    const cpuFolder = folderAt(place.cpuacct, bounds.quota);
    const cpuSeconds = cpuFolder === null ? null : usedCpuSeconds(cpuFolder, place.cpuacct?.version ?? 2);
    const memoryFolder = folderAt(place.memory, bounds.memory);
    const memoryBytes = memoryFolder === null ? null : usedMemoryBytes(memoryFolder, place.memory?.version ?? 2);
    if (cpuSeconds === null && memoryBytes === null) {
      throw new Error(`the control group ${cpuFolder ?? memoryFolder} tells neither its CPU time nor its memory`);
    }
    return {
      cpu: fractionOf(meter.coresInUse(cpuFolder ?? '', cpuSeconds), cores),
      memory: fractionOf(memoryBytes, bounds.memoryBytes),
      cores,
      rps: null,
    };
  };

  try {
    await read(); // the first sample of CPU time
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--probe cgroup: ${messageOf(error)}: use --probe machine`);
  }
  return { kind: 'cgroup', read, close: () => {} };
}

function placeOf(procRoot: string, scope: CgroupScope): CgroupPlace {
  const place = findCgroups(procRoot, 'self');
  if (scope === 'own') return place;
  const outside = (hierarchy: Hierarchy | null) => hierarchy && outsideServices(hierarchy);
  return {
    cpu: outside(place.cpu),
    cpuacct: outside(place.cpuacct),
    cpuset: outside(place.cpuset),
    memory: outside(place.memory),
  };
}

/** The levels that enclose the outermost systemd service; always includes the outermost level. */
function outsideServices({ version, levels }: Hierarchy): Hierarchy {
  const service = levels.findIndex((folder, depth) => depth > 0 && folder.endsWith('.service'));
  return { version, levels: service === -1 ? levels : levels.slice(0, service) };
}

function boundsOf(place: CgroupPlace, procRoot: string): Bounds {
  const allCores = machineCores(procRoot);
  const allMemoryBytes = machineMemoryBytes(procRoot);
  const below = (limit: Limit | null, all: number) => (limit !== null && limit.value < all ? limit : null);
  const quota = below(cpuQuota(place.cpu), allCores);
  const memory = below(memoryLimit(place.memory), allMemoryBytes);
  const usableCores = cpusetCores(place.cpuset) ?? allowedCores(procRoot, 'self') ?? allCores;
  return {
    cores: Math.min(allCores, usableCores, quota?.value ?? Infinity),
    quota,
    memoryBytes: memory?.value ?? allMemoryBytes,
    memory,
  };
}

/** The folder at the depth of a limit; the innermost one without a limit, or if this hierarchy is less deep. */
function folderAt(hierarchy: Hierarchy | null, limit: Limit | null): string | null {
  return hierarchy?.levels[limit?.depth ?? -1] ?? hierarchy?.levels.at(-1) ?? null;
}

function usedCpuSeconds(folder: string, version: 1 | 2): number | null {
  if (version === 2) {
    const microseconds = readField(`${folder}/cpu.stat`, 'usage_usec');
    return microseconds === null ? null : microseconds / 1e6;
  }
  const nanoseconds = parseCount(readText(`${folder}/cpuacct.usage`));
  return nanoseconds === null ? null : nanoseconds / 1e9;
}

/** Memory in use without inactive page cache, which the kernel reclaims first. */
function usedMemoryBytes(folder: string, version: 1 | 2): number | null {
  const all = parseCount(readText(`${folder}/${version === 2 ? 'memory.current' : 'memory.usage_in_bytes'}`));
  const idleCache = readField(`${folder}/memory.stat`, version === 2 ? 'inactive_file' : 'total_inactive_file');
  return all === null || idleCache === null ? null : Math.max(0, all - idleCache);
}
