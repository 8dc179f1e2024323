// The table a new master starts from: the stored one or its balancer's own, whichever is newer. They are never merged,
// since a host missing in one of them may have said goodbye.

import type { Costs, HostRow, Stamp, StaticHost } from '../model.js';
import { type Commands, untilReady } from '../redis/connect.js';
import { readSnapshot } from '../redis/host-store.js';
import type { Keys } from '../redis/keys.js';
import { MessageGate } from '../redis/message-gate.js';
import { isNewer } from '../table/stamp.js';

/** How long a new master waits for its connection before it starts without the stored table. */
const READY_TIMEOUT_MS = 1000;

/** What the new master's balancer knew. */
export interface Known {
  readonly term: number;
  /** The stamp of the table that `rows` comes from. */
  readonly stamp: Stamp;
  readonly rows: readonly HostRow[];
  readonly costs: Costs;
  /** The hosts that this balancer names. */
  readonly statics: readonly StaticHost[];
}

/** Returns the hosts and costs to start with. Never rejects: if Redis can't be read, it returns what the balancer knew. */
export async function inherit(
  client: Commands,
  keys: Keys,
  { term, stamp: known, rows, costs, statics }: Known,
  gate?: MessageGate,
): Promise<Pick<Known, 'rows' | 'costs'>> {
  // A balancer may be elected right after its start, before this thread is connected.
  await untilReady(client, READY_TIMEOUT_MS);
  // The fleet thread reads it too, and counts what is wrong with it.
  const silent =
    gate &&
    new MessageGate(
      gate.ring,
      () => undefined,
      () => undefined,
    );
  const decoded = await readSnapshot(client, keys, silent).catch(() => null);
  if (decoded?.ok !== true) return { rows, costs };
  const { stamp, hosts, costs: storedCosts } = decoded.value;
  if (!isNewer(stamp, known) || stamp.term > term) return { rows, costs };
  // The stored table may come from a fleet configured differently: this balancer's own flags take precedence.
  const own = new Map(statics.map(({ name, url }) => [name, url]));
  return { rows: hosts.filter(({ name, url }) => (own.get(name) ?? url) === url), costs: storedCosts ?? costs };
}
