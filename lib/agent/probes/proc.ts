// Reads figures of the machine and of one process from Linux's /proc; see proc(5).
// Reads are synchronous: the kernel answers them from memory, and the agent serves no requests.

import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { countCpus, parseCount } from './figures.js';

/** Clock ticks in a second, the unit of /proc/PID/stat: 100 on every Linux (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** A process at one moment. */
export interface ProcessSample {
  /** CPU time of all its threads so far, in seconds, without child processes. */
  readonly cpuSeconds: number;
  /** Start time in clock ticks since boot: distinguishes it from a later process with the same pid. */
  readonly startTime: string;
}

/** Reads a small file, trimmed; null if it can't be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/**
 * The number after `key` in a file of lines such as `inactive_file 4096` or `MemTotal:  24 kB`;
 * null if there is none.
 */
export function readField(path: string, key: string): number | null {
  const line = readText(path)
    ?.split('\n')
    .find((one) => one.startsWith(`${key} `) || one.startsWith(`${key}:`));
  return parseCount(line?.slice(key.length).split(/[\s:]+/)[1]);
}

/** Number of online cores of the machine. */
export function machineCores(procRoot: string): number {
  return readText(`${procRoot}/stat`)?.match(/^cpu\d+ /gm)?.length ?? availableParallelism();
}

/** The machine's memory, in bytes. */
export function machineMemoryBytes(procRoot: string): number {
  const kilobytes = readField(`${procRoot}/meminfo`, 'MemTotal');
  return kilobytes ? kilobytes * 1024 : totalmem();
}

/** Number of cores in a process's affinity mask; null if unknown. */
export function allowedCores(procRoot: string, pid: number | 'self'): number | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readText(`${procRoot}/${pid}/status`) ?? '')?.[1];
  return countCpus(list);
}

/** Resident memory of a process, in bytes; null for a kernel thread, which has none. */
export function residentBytes(procRoot: string, pid: number): number | null {
  const kilobytes = readField(`${procRoot}/${pid}/status`, 'VmRSS');
  return kilobytes === null ? null : kilobytes * 1024;
}

/** Reads /proc/PID/stat. Null if there is no such process, or it is a zombie. */
export function readProcess(procRoot: string, pid: number): ProcessSample | null {
  const stat = readText(`${procRoot}/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the program's name in parentheses, and may itself contain spaces and parentheses.
  const [state, ...fields] = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(' ');
  const userTicks = parseCount(fields[10]);
  const systemTicks = parseCount(fields[11]);
  const startTime = fields[18];
  if (state === 'Z' || state === 'X' || userTicks === null || systemTicks === null || !startTime) return null;
  return { cpuSeconds: (userTicks + systemTicks) / TICKS_PER_SECOND, startTime };
}
