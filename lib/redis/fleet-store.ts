// What balancers say of themselves in Redis: heartbeats, the order of succession, settings, events.

import { ALGORITHMS, type Algorithm } from '../model.js';
import type { Commands } from './connect.js';
import { encodeEvent, type FleetEvent } from './event-message.js';
import type { Keys } from './keys.js';
import { isName } from './names.js';
import { defineScript, runScript } from './script.js';
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
  readonly settings: Settings;
}

/** What an operator set for the whole fleet with HSET; it overrides each balancer's flags. */
export interface Settings {
  readonly algorithm: Algorithm | null;
  /** How many settings could not be understood. */
  readonly wrong: number;
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
    .zadd(keys.balancers, joinedAtMs, name)
    .zrange(keys.balancers, '0', '-1')
    .hget(keys.master, 'name')
    .get(keys.term)
    .hgetall(keys.settings)
    .exec();
  // A key of another type is garbage: it counts as empty, and what this balancer writes there is cleared for the next beat.
  const isGarbage = (index: number): boolean => replies?.[index]?.[0]?.message.includes('WRONGTYPE') === true;
  const garbage = [...(isGarbage(0) || isGarbage(1) ? [key] : []), ...(isGarbage(3) ? [keys.balancers] : [])];
  if (garbage.length > 0) await client.del(...garbage);
  const replyAt = <Empty>(index: number, empty: Empty): unknown => {
    const [error, value] = replies?.[index] ?? [new Error('no reply'), null];
    if (isGarbage(index)) return empty;
    if (error) throw error;
    return value;
  };
  // A full Redis refuses the writes and still answers the reads: routing must not suffer from it.
  const order = replyAt(4, []) as string[];
  const master = replyAt(5, null);
  const term = Number(replyAt(6, 0) ?? 0);
  return {
    order: order.filter(isName),
    master: isName(master) ? master : null,
    term: isPlausibleTerm(term, highestTerm) ? term : 0,
    previousInstance: replyAt(0, null) as string | null,
    settings: isGarbage(7) ? { algorithm: null, wrong: 1 } : parseSettings(replyAt(7, {}) as Record<string, string>),
  };
}

function parseSettings(fields: Readonly<Record<string, string>>): Settings {
  let algorithm: Algorithm | null = null;
  let wrong = 0;
  for (const [field, value] of Object.entries(fields)) {
    if (field === 'algorithm' && ALGORITHMS.includes(value as Algorithm)) algorithm = value as Algorithm;
    else wrong++;
  }
  return { algorithm, wrong };
}

// KEYS: term. ARGV: the highest term that was seen.
const RAISE_TERM = defineScript(`${READ_TERM}
if term < floor then redis.call('SET', KEYS[1], ARGV[1]) end
return 0`);

/**
 * Puts the highest term that was seen into a Redis that knows a lower one: it came back empty, and a
 * balancer that is new would else be elected with a term that all others have to refuse.
 */
export async function raiseTerm(client: Commands, keys: Keys, highestTerm: number): Promise<void> {
  await runScript(client, RAISE_TERM, [keys.term], [highestTerm]);
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

/** Tells the fleet and whoever listens. */
export async function publishEvent(client: Commands, keys: Keys, event: FleetEvent): Promise<void> {
  await client.publish(keys.events, encodeEvent(event, new Date()));
}
