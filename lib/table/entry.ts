// A host as the writer of the table knows it, and the hosts that it replaces: a host that moves to another address gets
// another slot, and the old slot is used until the traffic thread knows the new one.

import type { SlotHost } from './slots.js';

/** One host of the table. */
export interface Entry extends SlotHost {
  isPublished: boolean;
  /** When a new master's first table did not name it; NaN when it is named. */
  orphanedAtMs: number;
  /** What this balancer's own checks found while there was no master to ask; null when nothing. */
  ownDown: boolean | null;
  /** The same name at its address before; undefined once the traffic thread knows this entry. */
  predecessor: Entry | undefined;
}

/** A host of which nothing but this is known; `predecessor` is the same at its address before. */
export function newEntry({ slot, name, url }: SlotHost, isPublished = false, predecessor?: Entry): Entry {
  return { slot, name, url, isPublished, orphanedAtMs: Number.NaN, ownDown: null, predecessor };
}

/** An entry and all that it replaces, the newest first. */
export function lineOf(entry: Entry): Entry[] {
  const line = [entry];
  for (let { predecessor } = entry; predecessor !== undefined; { predecessor } = predecessor) line.push(predecessor);
  return line;
}

/** Of an entry and those that it replaces the newest that the traffic thread knows; the entry itself when it knows none. */
export function newestKnown(entry: Entry, known: Int32Array): Entry {
  for (let each: Entry | undefined = entry; each !== undefined; each = each.predecessor) if (known[each.slot] === 1) return each;
  return entry;
}

/** What other threads are told of an entry. */
export const slotHostOf = ({ slot, name, url }: SlotHost): SlotHost => ({ slot, name, url });
