// The one clock of a process: monotonic, in milliseconds, and the same in all of its threads.
// Wall-clock time is for people and never for decisions: it jumps.

import { hrtime } from 'node:process';

/** Gives the time in milliseconds on a clock that never jumps; its zero has no meaning. */
export type Clock = () => number;

/** A clock that agrees between threads: `performance.now()` alone starts anew in each of them. */
export function monotonicClock(): Clock {
  const offsetMs = Number(hrtime.bigint()) / 1e6 - performance.now();
  return () => performance.now() + offsetMs;
}

/** A second in milliseconds. */
export const SECOND = 1000;
/** A minute in milliseconds. */
export const MINUTE = 60 * SECOND;
