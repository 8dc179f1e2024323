// What a process holds, read from outside: open file descriptors, memory. Linux only.

import { readdirSync, readFileSync } from 'node:fs';

/** How many file descriptors a process has open; NaN when it is gone or that can't be known. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return Number.NaN;
  }
}

/** The memory that a process has in RAM, in bytes (VmRSS in proc(5)); NaN when it is gone or that can't be known. */
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
