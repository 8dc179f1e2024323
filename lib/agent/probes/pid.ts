// Measures one process through /proc/PID, so that several hosts on one machine can each have an agent. Child processes
// are not included. A later process with the same pid is never mistaken for the probed one.

import { MeercatError } from '../../errors.js';
import type { HostFigures } from '../../model.js';
import type { Probe, ProbeOptions } from '../probe-model.js';
import { findCgroups, memoryLimit } from './cgroup-tree.js';
import { CpuMeter, fractionOf } from './figures.js';
import { allowedCores, machineCores, machineMemoryBytes, readProcess, readText, residentBytes } from './proc.js';

/**
 * Opens a probe for the process `pid`. CPU is a fraction of the cores that its affinity allows; memory is its resident
 * set as a fraction of its memory limit, or of the machine's memory.
 * Throws MEERCAT_START_FAILED if there is no such process, MEERCAT_BAD_CONFIG on a system without /proc.
 * Reads reject once the process has ended.
 */
export async function openPidProbe(pid: number, options: ProbeOptions): Promise<Probe> {
  const procRoot = options.procRoot ?? '/proc';
  if (readText(`${procRoot}/self/stat`) === null) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--probe pid:${pid} needs Linux, with /proc mounted: use --probe machine or a URL`);
  }
  const first = readProcess(procRoot, pid);
  if (first === null) {
    throw new MeercatError('MEERCAT_START_FAILED', `--probe pid:${pid}: no process ${pid} is running, or it cannot be seen from here`);
  }
  const memoryTree = findCgroups(procRoot, pid).memory;
  const meter = new CpuMeter(options.nowMs);
  meter.coresInUse('process', first.cpuSeconds);

  const read = async (): Promise<HostFigures> => {
    const bytes = residentBytes(procRoot, pid);
    const cores = options.coresLimit ?? Math.min(machineCores(procRoot), allowedCores(procRoot, pid) ?? Infinity);
    const machineBytes = machineMemoryBytes(procRoot);
    const limitBytes = memoryLimit(memoryTree)?.value ?? machineBytes;
    // Check last: the figures might already be those of another process with the same pid.
    const now = readProcess(procRoot, pid);
    if (now === null || now.startTime !== first.startTime) throw new Error(`process ${pid} has ended`);
    return {
      cpu: fractionOf(meter.coresInUse('process', now.cpuSeconds), cores),
      memory: fractionOf(bytes, Math.min(machineBytes, limitBytes)),
      cores,
      rps: null,
    };
  };
  return { kind: 'pid', read, close: () => {} };
}
