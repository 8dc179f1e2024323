// CPU use of the whole machine: a measurement on a fully loaded machine is invalid.

import { cpus } from 'node:os';
import { cpuSecondsOfAllEver } from './process-cpu.js';
import { rounded } from './statistics.js';

/** CPU time of all cores since boot, in milliseconds; use the difference of two readings. */
export function machineCpu(): { readonly busyMs: number; readonly allMs: number } {
  let [busyMs, allMs] = [0, 0];
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busyMs += used;
    allMs += used + times.idle;
  }
  return { busyMs, allMs };
}

/** Returns a function that tells how many cores all processes but this one and its descendants have used since; NaN without /proc. */
export function watchOthers(): () => number {
  const read = (): { readonly othersMs: number; readonly atMs: number } => ({
    othersMs: machineCpu().busyMs - cpuSecondsOfAllEver(process.pid) * 1000,
    atMs: performance.now(),
  });
  const before = read();
  return () => {
    const after = read();
    return rounded(Math.max(0, after.othersMs - before.othersMs) / (after.atMs - before.atMs), 2);
  };
}
