// The order of masters' tables, which their stamps give, and the stamp of the table in force.

import type { Stamp } from '../model.js';
import { WIDE_HEADER } from './layout.js';

/** A number of the header holds 53 bits: this many hex digits of a mastership's identity. */
const SHORT_DIGITS = 12;

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

/** A mastership's identity as the number that a cell of the header holds. */
export function shortMastership(mastership: string): number {
  return Number.parseInt(mastership.slice(0, SHORT_DIGITS), 16) || 0;
}

const CELLS = [WIDE_HEADER.term, WIDE_HEADER.seq, WIDE_HEADER.mastership] as const;

/** Another thread may write the stamp while it is read: it is read again until it stays the same, this often at most. */
const MAX_READS = 10;

/** The stamp of the table in force, with the first 12 digits of its mastership; '' before the first table. */
export function readStamp(wideHeader: Float64Array): Stamp {
  const read = (): [number, number, number] => CELLS.map((cell) => wideHeader[cell] as number) as [number, number, number];
  let cells = read();
  for (let i = 0; i < MAX_READS; i++) {
    const before = cells;
    cells = read();
    if (cells.every((value, at) => value === before[at])) break;
  }
  const [term, seq, mastership] = cells;
  return { term, mastership: term === 0 ? '' : mastership.toString(16).padStart(SHORT_DIGITS, '0'), seq };
}
