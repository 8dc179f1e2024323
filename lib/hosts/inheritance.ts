// What a new master begins with: the stored table, or what its balancer knew, whichever is newer. Never both: a host
// that one of them does not name may have said goodbye.

import type { Costs, HostRow, Stamp, StaticHost } from '../model.js';
import { type Commands, untilReady } from '../redis/connect.js';
import { readSnapshot } from '../redis/host-store.js';
import type { Keys } from '../redis/keys.js';
import { isNewer } from '../table/stamp.js';

/** How long a new master waits for its connection before it begins without the stored table. */
const READY_TIMEOUT_MS = 1000;

/** What a new master's balancer knew. */
export interface Known {
  readonly term: number;
  /** The table that `rows` comes from. */
  readonly stamp: Stamp;
  readonly rows: readonly HostRow[];
  readonly costs: Costs;
  /** The hosts that this balancer was started with. */
  readonly statics: readonly StaticHost[];
}

/** The hosts and costs to begin with. Never rejects: when Redis can't be read, what the balancer knew has to do. */
export async function inherit(
  client: Commands,
  keys: Keys,
  { term, stamp: known, rows, costs, statics }: Known,
): Promise<Pick<Known, 'rows' | 'costs'>> {
  // A balancer that has just started can be elected before this thread's connection is through.
  await untilReady(client, READY_TIMEOUT_MS);
  const decoded = await readSnapshot(client, keys).catch(() => null);
  if (decoded?.ok !== true) return { rows, costs };
  const { stamp, hosts, costs: storedCosts } = decoded.value;
  if (!isNewer(stamp, known) || stamp.term > term) return { rows, costs };
  // What is stored may be of a fleet that was configured otherwise: this balancer's own flags count more.
  const own = new Map(statics.map(({ name, url }) => [name, url]));
  return { rows: hosts.filter(({ name, url }) => (own.get(name) ?? url) === url), costs: storedCosts ?? costs };
}
