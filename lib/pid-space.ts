// Whether the process behind a balancer's heartbeat or a run's folder is dead, as after `kill -9`. A process id says so only
// within one kernel and one PID namespace: processes elsewhere, and all where /proc does not tell, count as alive.

import { readFileSync, readlinkSync } from 'node:fs';

/** The kernel and the PID namespace of this process, as `BOOT_ID/INODE` (proc(5), namespaces(7)); '' where they are unknown. */
export function pidSpace(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    const [inode] = /\d+/.exec(readlinkSync('/proc/self/ns/pid')) ?? [];
    return inode === undefined ? '' : `${boot}/${inode}`;
  } catch {
    return '';
  }
}

/** A process as it names itself to others; any text. */
export interface ProcessName {
  readonly pid: string;
  readonly pidSpace: string;
}

/** Whether this is a process of this PID namespace that no longer exists. */
export function isDead({ pid, pidSpace: space }: ProcessName, ownSpace: string): boolean {
  if (ownSpace === '' || space !== ownSpace || !/^[1-9]\d{0,9}$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
