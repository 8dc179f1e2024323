// The one clock of a process: monotonic, in milliseconds, and the same in all of its threads.
// Wall-clock time is for people and never for decisions: it jumps.

import { performance } from 'node:perf_hooks';
import { hrtime } from 'node:process';

/** Gives the time in milliseconds on a clock that never jumps; its zero has no meaning. */
export type Clock = () => number;

/** A thread can be stopped by the system between two readings; of so many pairs one is close enough. */
const SAMPLES = 16;

/**
 * A clock that agrees between the threads of a process, and between processes of one machine:
 * `performance.now()` alone starts anew in each thread, and `hrtime` allocates at each reading.
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
