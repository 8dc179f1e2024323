// Whether the process behind another balancer's heartbeat is dead, as after `kill -9`. A process id says so only within
// one kernel and one PID namespace: balancers elsewhere, and all where /proc does not tell, count as alive.

import { readFileSync, readlinkSync } from 'node:fs';
import type { NameHolder } from '../redis/fleet-store.js';

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

/** Whether the holder of a name is a process of this PID namespace that no longer exists. */
export function isDead({ pid, pidSpace: space }: Pick<NameHolder, 'pid' | 'pidSpace'>, ownSpace: string): boolean {
  if (ownSpace === '' || space !== ownSpace || !/^[1-9]\d{0,9}$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
