// A process's open file descriptors and memory, read from outside. Linux only.

import { readdirSync, readFileSync } from 'node:fs';

/** Number of open file descriptors of a process; NaN if it is gone or the number is unavailable. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return Number.NaN;
  }
}

/** Resident memory of a process, in bytes (VmRSS in proc(5)); NaN if it is gone or the figure is unavailable. */
export function residentBytesOf(pid: number): number {
  try {
    const [, kilobytes] = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kilobytes) * 1024;
  } catch {
    return Number.NaN;
  }
}

/** The limit of open files (`ulimit -n`) of this process and its children; infinity if unknown. */
export function descriptorLimit(): number {
  try {
    const [, soft = ''] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === '' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
