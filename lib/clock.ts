// The process clock: monotonic, in milliseconds, and the same in all threads.
// Wall-clock time can jump: it is shown to people and never used for decisions.

import { performance } from 'node:perf_hooks';
import { hrtime } from 'node:process';

/** Returns monotonic time in milliseconds; the origin is arbitrary. */
export type Clock = () => number;

/** Number of clock pairs to sample. The system can preempt the thread between the two reads of a pair; the closest pair is used. */
const SAMPLES = 16;

/**
 * A clock that agrees across the threads of a process and across the processes of a machine:
 * `performance.now()` has a different origin in each thread, and `hrtime` allocates on each read.
 */
export function monotonicClock(): Clock {
  let offsetMs = 0;
  let shortestMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < SAMPLES; i++) {
    const beforeMs = performance.now();
    const machineMs = Number(hrtime.bigint()) / 1e6;
    const tookMs = performance.now() - beforeMs;
    if (tookMs >= shortestMs) continue;
    shortestMs = tookMs;
    offsetMs = machineMs - beforeMs - tookMs / 2;
  }
  return () => performance.now() + offsetMs;
}

/** A second in milliseconds. */
export const SECOND = 1000;
/** A minute in milliseconds. */
export const MINUTE = 60 * SECOND;
