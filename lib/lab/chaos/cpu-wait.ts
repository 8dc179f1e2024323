// How long processes waited for a CPU, from /proc/PID/task/TID/schedstat (Linux' sched-stats.rst). On a machine that is
// short of CPU the fleet does not run: that time says nothing about what it promises.

import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds that each thread of these processes has waited for a CPU; empty where the kernel does not say. */
function waitsOf(pids: readonly number[]): ReadonlyMap<string, number> {
  const waits = new Map<string, number>();
  for (const pid of pids) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`))
        waits.set(`${pid} ${thread}`, Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[1]));
    } catch {
      // It has ended, or there is no /proc.
    }
  }
  return waits;
}

/** Measures the waiting since the last call. */
export class CpuWait {
  #waits: ReadonlyMap<string, number>;

  constructor(pids: readonly number[]) {
    this.#waits = waitsOf(pids);
  }

  /** The longest that a thread of these processes waited for a CPU since the last call, in ms. */
  takeMs(pids: readonly number[]): number {
    const now = waitsOf(pids);
    let longestNs = 0;
    for (const [thread, waitNs] of now) longestNs = Math.max(longestNs, waitNs - (this.#waits.get(thread) ?? waitNs));
    this.#waits = now;
    return longestNs / 1e6;
  }
}
