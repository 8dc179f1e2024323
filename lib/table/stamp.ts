// The order of masters' tables, which their stamps give.

import type { Stamp } from '../model.js';

/**
 * A master publishes at most once a millisecond, and a hosts thread that was started again leaves out 1,000 numbers.
 * What is further ahead than this, and the time since the last table, was not numbered by a master.
 */
const MAX_SEQ_JUMP = 10_000;

/** Whether two stamps are of two masterships that hold one term: nobody can say which is newer. An unknown mastership is no rival. */
export function areRivals(a: Stamp, b: Stamp): boolean {
  return a.term === b.term && a.mastership !== b.mastership && a.mastership !== '' && b.mastership !== '';
}

/** Whether stamp `a` comes after stamp `b`. */
export function isNewer(a: Stamp, b: Stamp): boolean {
  return a.term > b.term || (a.term === b.term && a.seq > b.seq && !areRivals(a, b));
}

/** Whether a stamp's seq can follow the one that was applied `sinceMs` ago. Of another mastership any can. */
export function isPlausibleSeq(stamp: Stamp, applied: Stamp, sinceMs: number): boolean {
  return stamp.mastership !== applied.mastership || stamp.seq <= applied.seq + MAX_SEQ_JUMP + sinceMs;
}
