// What /proc/PID/stat says of a process (proc(5)). Linux only: elsewhere, and for a process that is gone, nothing is known.

import { readFileSync } from 'node:fs';

/** The fields after the name, which may itself contain spaces and parentheses; undefined if the process or thread is gone. */
export function statFields(file: string): string[] | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** When a process started, in ticks since boot: tells it from a later one with the same id. NaN if it is gone or there is no /proc. */
export function startTicksOf(pid: number): number {
  return Number(statFields(`/proc/${pid}/stat`)?.[19] ?? Number.NaN);
}
