// How busy the whole machine is, whoever keeps it so: a figure that was measured on a full machine is none.

import { cpus } from 'node:os';

/** CPU time of all cores since the machine started, in milliseconds; the difference of two readings is of the time between. */
export function machineCpu(): { readonly busyMs: number; readonly allMs: number } {
  let [busyMs, allMs] = [0, 0];
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busyMs += used;
    allMs += used + times.idle;
  }
  return { busyMs, allMs };
}
