// What Linux's /proc tells of the machine and of one process; see proc(5).
// Reads are synchronous: the kernel answers them from memory, and the agent serves no requests.

import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { countCpus, parseCount } from './figures.js';

/** Clock ticks in a second, the unit of /proc/PID/stat: 100 on every Linux (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** A process at one moment. */
export interface ProcessSample {
  /** CPU time that all its threads used so far, in seconds. Its children's is not in it. */
  readonly cpuSeconds: number;
  /** When it started, in clock ticks since boot: tells it from a later process with the same pid. */
  readonly startTime: string;
}

/** A small file's text without surrounding white space; null when it cannot be read. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/**
 * The number after `key` in a file of lines such as `inactive_file 4096` or `MemTotal:  24 kB`;
 * null when there is none.
 */
export function readField(path: string, key: string): number | null {
  const line = readText(path)
    ?.split('\n')
    .find((one) => one.startsWith(`${key} `) || one.startsWith(`${key}:`));
  return parseCount(line?.slice(key.length).split(/[\s:]+/)[1]);
}

/** How many cores the machine has online. */
export function machineCores(procRoot: string): number {
  return readText(`${procRoot}/stat`)?.match(/^cpu\d+ /gm)?.length ?? availableParallelism();
}

/** The machine's memory, in bytes. */
export function machineMemoryBytes(procRoot: string): number {
  const kilobytes = readField(`${procRoot}/meminfo`, 'MemTotal');
  return kilobytes ? kilobytes * 1024 : totalmem();
}

/** How many cores a process may run on by its affinity; null when that cannot be told. */
export function allowedCores(procRoot: string, pid: number | 'self'): number | null {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readText(`${procRoot}/${pid}/status`) ?? '')?.[1];
  return countCpus(list);
}

/** The memory of a process that is in RAM, in bytes; null for a kernel thread, which has none. */
export function residentBytes(procRoot: string, pid: number): number | null {
  const kilobytes = readField(`${procRoot}/${pid}/status`, 'VmRSS');
  return kilobytes === null ? null : kilobytes * 1024;
}

/** Reads /proc/PID/stat. Null when there is no such process, or it has ended and is a zombie. */
export function readProcess(procRoot: string, pid: number): ProcessSample | null {
  const stat = readText(`${procRoot}/${pid}/stat`);
  if (stat === null) return null;
  // The second field is the program's name in parentheses, and may hold spaces and parentheses itself.
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
