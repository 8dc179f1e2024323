// Hosts that an agent took out of a pool without a goodbye: killed, and started again with other pools. Has no clock and
// does no I/O.

import { bareNameOf } from '../host-id.js';
import { type HostEntry, isSilent } from './host-entry.js';

/**
 * The entries that no agent reports any more while one reports the same machine, by name and URL, in other pools. An agent
 * that merely died reports it in none: its host stays.
 */
export function hostsThatLeftPools(entries: Iterable<HostEntry>, nowMs: number): ReadonlySet<HostEntry> {
  const reported = new Set<string>();
  const silent: HostEntry[] = [];
  for (const entry of entries) {
    if (!entry.hasAgent) continue;
    // Not yet silent by a report of its own: a new master waits for the agents of the hosts that it took over.
    if (isSilent(entry, nowMs)) silent.push(entry);
    else if (entry.reportedAtMs !== null && entry.reportedAtMs === entry.awaitedSinceMs) reported.add(machineOf(entry));
  }
  return new Set(silent.filter((entry) => reported.has(machineOf(entry))));
}

/** Neither names nor URLs contain blanks. */
const machineOf = ({ name, url }: HostEntry): string => `${bareNameOf(name)} ${url}`;
