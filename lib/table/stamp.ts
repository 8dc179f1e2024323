// Orders the masters' tables by their stamps, and reads the stamp of the table in force.

import type { Stamp } from '../model.js';
import { WIDE_HEADER } from './layout.js';

/** Hex digits of a mastership's id that fit into a header cell, which holds 53 bits. */
const SHORT_DIGITS = 12;

/**
 * Maximum plausible jump of a seq, beyond 1 per ms since the last table: a master publishes at most once a millisecond,
 * and a restarted hosts thread skips 1,000 numbers.
 */
const MAX_SEQ_JUMP = 10_000;

/** Whether two stamps share a term but not a mastership: neither is newer. An unknown mastership is no rival. */
export function areRivals(a: Stamp, b: Stamp): boolean {
  return a.term === b.term && a.mastership !== b.mastership && a.mastership !== '' && b.mastership !== '';
}

/** Whether stamp `a` comes after stamp `b`. */
export function isNewer(a: Stamp, b: Stamp): boolean {
  return a.term > b.term || (a.term === b.term && a.seq > b.seq && !areRivals(a, b));
}

/** Whether a stamp's seq can follow the one applied `sinceMs` ago; after a change of mastership, any can. */
export function isPlausibleSeq(stamp: Stamp, applied: Stamp, sinceMs: number): boolean {
  return stamp.mastership !== applied.mastership || stamp.seq <= applied.seq + MAX_SEQ_JUMP + sinceMs;
}

/** A mastership's id as the number in its header cell. */
export function shortMastership(mastership: string): number {
  return Number.parseInt(mastership.slice(0, SHORT_DIGITS), 16) || 0;
}

const CELLS = [WIDE_HEADER.term, WIDE_HEADER.seq, WIDE_HEADER.mastership] as const;

/** Maximum reads of a stamp: another thread may be writing it, so it is read until two reads agree. */
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
