// A host in the table writer, and its predecessors: a host that moves to another address gets a new slot, and the old
// one stays in use until the traffic thread knows the new one.

import type { SlotHost } from './slots.js';

/** One host of the table. */
export interface Entry extends SlotHost {
  isPublished: boolean;
  /** The site names it no more, and its master has not published it since. */
  isWithdrawn: boolean;
  /** When a new master's first table omitted it; NaN while it is named. */
  orphanedAtMs: number;
  /** The result of this balancer's own checks while there was no master; null without one. */
  ownDown: boolean | null;
  /** The same name at its previous address; undefined once the traffic thread knows this entry. */
  predecessor: Entry | undefined;
}

/** A new entry without figures; `predecessor` is the same host at its previous address. */
export function newEntry({ slot, name, url, authority }: SlotHost, isPublished = false, predecessor?: Entry): Entry {
  return { slot, name, url, authority, isPublished, isWithdrawn: false, orphanedAtMs: Number.NaN, ownDown: null, predecessor };
}

/** An entry and its predecessors, newest first. */
export function lineOf(entry: Entry): Entry[] {
  const line = [entry];
  for (let { predecessor } = entry; predecessor !== undefined; { predecessor } = predecessor) line.push(predecessor);
  return line;
}

/** The newest of an entry and its predecessors that the traffic thread knows; the entry itself if it knows none. */
export function newestKnown(entry: Entry, known: Int32Array): Entry {
  for (let each: Entry | undefined = entry; each !== undefined; each = each.predecessor) if (known[each.slot] === 1) return each;
  return entry;
}

/** The part of an entry that other threads get. */
export const slotHostOf = ({ slot, name, url, authority }: SlotHost): SlotHost => ({
  slot,
  name,
  url,
  ...(authority !== undefined && { authority }),
});
