// What balancers say of themselves in Redis: heartbeats, the order of succession, settings, events.

import type { Commands } from './connect.js';
import { encodeEvent, type FleetEvent } from './event-message.js';
import type { Keys } from './keys.js';
import { isName } from './names.js';
import { type RememberedHash, RESTORE_HASHES, restoreArgs } from './remembered.js';
import { defineScript, runScript } from './script.js';
import { GARBAGE_SETTINGS, parseSettings, type Settings } from './settings.js';
import { isPlausibleTerm, READ_TERM } from './term.js';

/** How long a balancer counts as alive after its last heartbeat. */
export const HEARTBEAT_TTL_MS = 3000;

/** What a heartbeat brings back: how the fleet stands. */
export interface FleetStanding {
  /** Names of the balancers, in the order in which they joined. */
  readonly order: readonly string[];
  /** The master's name as its hash says; null when there is none. */
  readonly master: string | null;
  /** The highest term in Redis; 0 when there is none or it is garbage. */
  readonly term: number;
  /** Who last wrote this balancer's hash: another instance means that two share a name. */
  readonly previousInstance: string | null;
  /** Whether this balancer still had its place in the order. */
  readonly wasListed: boolean;
  readonly settings: Settings;
}

/** Writes this balancer's heartbeat and reads how the fleet stands, in one round trip. Rejects when Redis can't be reached. */
export async function heartbeat(
  client: Commands,
  keys: Keys,
  name: string,
  joinedAtMs: number,
  fields: Readonly<Record<string, string | number>>,
  highestTerm = 0,
): Promise<FleetStanding> {
  const key = keys.balancer(name);
  const replies = await client
    .pipeline()
    .hget(key, 'instance')
    .hset(key, fields)
    .pexpire(key, HEARTBEAT_TTL_MS)
    .zscore(keys.balancers, name)
    .zadd(keys.balancers, joinedAtMs, name)
    .zrange(keys.balancers, '0', '-1')
    .hget(keys.master, 'name')
    .get(keys.term)
    .hgetall(keys.settings)
    .exec();
  // A key of another type is garbage: it counts as empty, and what this balancer writes there is cleared for the next beat.
  const isGarbage = (index: number): boolean => replies?.[index]?.[0]?.message.includes('WRONGTYPE') === true;
  const garbage = [...(isGarbage(0) || isGarbage(1) ? [key] : []), ...(isGarbage(4) ? [keys.balancers] : [])];
  if (garbage.length > 0) await client.del(...garbage);
  const replyAt = <Empty>(index: number, empty: Empty): unknown => {
    const [error, value] = replies?.[index] ?? [new Error('no reply'), null];
    if (isGarbage(index)) return empty;
    if (error) throw error;
    return value;
  };
  // A full Redis refuses the writes and still answers the reads: routing must not suffer from it.
  const order = replyAt(5, []) as string[];
  const master = replyAt(6, null);
  const term = Number(replyAt(7, 0) ?? 0);
  return {
    order: order.filter(isName),
    master: isName(master) ? master : null,
    term: isPlausibleTerm(term, highestTerm) ? term : 0,
    previousInstance: replyAt(0, null) as string | null,
    wasListed: replyAt(3, null) !== null,
    settings: isGarbage(8) ? GARBAGE_SETTINGS : parseSettings(replyAt(8, {}) as Record<string, string>),
  };
}

// KEYS: term, then hashes. ARGV: the highest term that was seen, then what the hashes had.
const RESTORE = defineScript(`${READ_TERM}${RESTORE_HASHES}
restore(2, 2)
if term < floor then redis.call('SET', KEYS[1], ARGV[1]) end
return 0`);

/**
 * Gives a Redis that lost its data back what it must know: the highest term that was seen, since a balancer that
 * is new would else be elected with a term that all others have to refuse; and what operators set, since a host that
 * is drained must not come back by itself. What stands there already stays.
 */
export async function restoreFleet(client: Commands, keys: Keys, highestTerm: number, remembered: readonly RememberedHash[]): Promise<void> {
  await runScript(client, RESTORE, [keys.term, ...remembered.map(({ key }) => key)], [highestTerm, ...restoreArgs(remembered)]);
}

/** Clears what an earlier process under this name said of itself. */
export async function clearHeartbeat(client: Commands, keys: Keys, name: string): Promise<void> {
  await client.del(keys.balancer(name));
}

/** Takes this balancer out of the fleet: its hash and its place in the succession. */
export async function leaveFleet(client: Commands, keys: Keys, name: string): Promise<void> {
  await client.pipeline().del(keys.balancer(name)).zrem(keys.balancers, name).exec();
}

/** Removes from the succession those whose heartbeats stopped; gives their names. */
export async function pruneBalancers(client: Commands, keys: Keys, order: readonly string[]): Promise<string[]> {
  const pipeline = client.pipeline();
  for (const name of order) pipeline.exists(keys.balancer(name));
  const replies = (await pipeline.exec()) ?? [];
  const dead = order.filter((_, index) => replies[index]?.[0] === null && replies[index]?.[1] === 0);
  if (dead.length > 0) await client.zrem(keys.balancers, ...dead);
  return dead;
}

/** How many balancers live: those whose last heartbeat still stands. Rejects when Redis can't be reached. */
export async function countBalancers(client: Commands, keys: Keys): Promise<number> {
  const order = (await client.zrange(keys.balancers, '0', '-1')).filter(isName);
  const pipeline = client.pipeline();
  for (const name of order) pipeline.exists(keys.balancer(name));
  const replies = (await pipeline.exec()) ?? [];
  return replies.filter(([error, reply]) => error === null && reply === 1).length;
}

/** Tells the fleet and whoever listens. */
export async function publishEvent(client: Commands, keys: Keys, event: FleetEvent): Promise<void> {
  await client.publish(keys.events, encodeEvent(event, new Date()));
}
