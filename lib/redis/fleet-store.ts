// What balancers say of themselves in Redis: heartbeats, the order of succession, settings, events.

import { type Commands, isDenial, reasonOf } from './connect.js';
import { encodeEvent, type FleetEvent } from './event-message.js';
import type { Keys } from './keys.js';
import { isName } from './names.js';
import { type RememberedHash, RESTORE_HASHES, restoreArgs } from './remembered.js';
import { defineScript, runScript } from './script.js';
import { GARBAGE_SETTINGS, parseSettings, type Settings } from './settings.js';
import { type HeldTerm, parseTerm, READ_TERM } from './term.js';

/** How long a balancer counts as alive after its last heartbeat. */
export const HEARTBEAT_TTL_MS = 3000;

/** The balancer that has a name, as its heartbeat says. */
export interface NameHolder {
  /** Differs for every start of a process. */
  readonly instance: string;
  readonly machine: string;
  readonly pid: string;
  /** When it joined the fleet, as ISO 8601. */
  readonly since: string;
  /** How long its last heartbeat still stands. */
  readonly leftMs: number;
}

/** What a heartbeat found under its name. `free`: nobody, and it was not to claim it. */
export type NameStanding = { readonly kind: 'ours' | 'free' } | { readonly kind: 'held'; readonly holder: NameHolder };

/** What a heartbeat brings back: how the fleet stands. */
export interface FleetStanding {
  /** Names of the balancers, in the order in which they joined. */
  readonly order: readonly string[];
  /** The master's name as its hash says; null when there is none. */
  readonly master: string | null;
  /** The highest term in Redis and who holds it; 0 when there is none or it is garbage. */
  readonly term: HeldTerm;
  /** Whether this balancer has its name for itself. */
  readonly name: NameStanding;
  /** Whether this balancer still had its place in the order. */
  readonly wasListed: boolean;
  readonly settings: Settings;
  /** Why Redis took only a part of the heartbeat: the user has no right to the rest. Null when it took all. */
  readonly denied: string | null;
}

// KEYS: the balancer's hash, the order. ARGV: instance, TTL, name, when it joined, 1 when a free name is to be
// claimed, then fields and values. What another instance wrote stays until it runs out. One that never does, or later than a
// heartbeat can, is garbage, as is a key of another type.
const BEAT = defineScript(`
local function text(field)
  local value = redis.pcall('HGET', KEYS[1], field)
  return type(value) == 'string' and value or ''
end
local left = redis.call('PTTL', KEYS[1])
if left == -1 or left > tonumber(ARGV[2]) or (left >= 0 and redis.call('TYPE', KEYS[1]).ok ~= 'hash') then redis.call('DEL', KEYS[1]) end
local holder = text('instance')
if holder ~= '' and holder ~= ARGV[1] then return {'held', holder, text('machine'), text('pid'), text('since'), left} end
if holder == '' and ARGV[5] ~= '1' then return {'free'} end
if redis.call('EXISTS', KEYS[2]) == 1 and redis.call('TYPE', KEYS[2]).ok ~= 'zset' then redis.call('DEL', KEYS[2]) end
local listed = redis.call('ZSCORE', KEYS[2], ARGV[3])
local written = redis.pcall('HSET', KEYS[1], unpack(ARGV, 6))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if type(written) == 'number' then redis.pcall('ZADD', KEYS[2], ARGV[4], ARGV[3]) end
-- A full Redis refuses the hash and still answers; a user without the right is to hear of it.
if type(written) == 'table' and string.find(written.err, "can't") then return written end
return {'ours', listed and 1 or 0}`);

/**
 * Writes this balancer's heartbeat, unless another one has its name, and reads how the fleet stands, in one round trip.
 * Rejects when Redis can't be reached.
 * @param fields what the balancer says of itself; `instance` tells it from others of its name
 * @param mayClaim whether to take the name when nobody has it
 */
export async function heartbeat(
  client: Commands,
  keys: Keys,
  name: string,
  joinedAtMs: number,
  fields: Readonly<Record<string, string | number>>,
  highestTerm = 0,
  mayClaim = true,
): Promise<FleetStanding> {
  const key = keys.balancer(name);
  const args = [
    key,
    keys.balancers,
    fields.instance ?? '',
    HEARTBEAT_TTL_MS,
    name,
    joinedAtMs,
    mayClaim ? 1 : 0,
    ...Object.entries(fields).flat(),
  ];
  const beat = (write: (pipeline: ReturnType<Commands['pipeline']>) => ReturnType<Commands['pipeline']>) =>
    write(client.pipeline()).zrange(keys.balancers, '0', '-1').hget(keys.master, 'name').get(keys.term).hgetall(keys.settings).exec();
  let replies = await beat((pipeline) => pipeline.evalsha(BEAT.sha, 2, ...args));
  if (replies?.[0]?.[0]?.message.startsWith('NOSCRIPT')) replies = await beat((pipeline) => pipeline.eval(BEAT.lua, 2, ...args));
  // A user who may not run scripts can't lead, but the balancer is to be seen: it writes its heartbeat without a script.
  const refusal = replies?.[0]?.[0] ?? null;
  const isForbidden = refusal !== null && isDenial(reasonOf(refusal));
  const { standing, replies: plain } = isForbidden
    ? await plainBeat(client, keys, name, joinedAtMs, fields)
    : { standing: undefined, replies: [] };
  const isGarbage = (index: number): boolean => replies?.[index]?.[0]?.message.includes('WRONGTYPE') === true;
  const denied = [...plain, ...(replies ?? [])].flatMap(([error]) => (error === null ? [] : reasonOf(error))).find(isDenial) ?? null;
  const replyAt = <Empty>(index: number, empty: Empty): unknown => {
    const [error, value] = replies?.[index] ?? [new Error('no reply'), null];
    if (isGarbage(index)) return empty;
    if (error) throw error;
    return value;
  };
  const [kind, ...found] = (standing ?? replyAt(0, [])) as [NameStanding['kind'], ...unknown[]];
  const [instance, machine, pid, since] = found.map((each) => readable(each));
  const order = replyAt(1, []) as string[];
  const master = replyAt(2, null);
  return {
    order: order.filter(isName),
    master: isName(master) ? master : null,
    term: parseTerm(replyAt(3, null), highestTerm),
    name:
      kind === 'held'
        ? {
            kind,
            holder: { instance: instance ?? '', machine: machine ?? '', pid: pid ?? '', since: since ?? '', leftMs: Number(found[4]) },
          }
        : { kind },
    wasListed: kind === 'ours' && found[0] === 1,
    denied,
    settings: isGarbage(4) ? GARBAGE_SETTINGS : parseSettings(replyAt(4, {}) as Record<string, string>),
  };
}

/**
 * A heartbeat without a script: the same but for a moment in which another one can take the name. Gives what the script
 * would have answered.
 */
async function plainBeat(
  client: Commands,
  keys: Keys,
  name: string,
  joinedAtMs: number,
  fields: Readonly<Record<string, string | number>>,
): Promise<{ readonly standing: unknown[]; readonly replies: [Error | null, unknown][] }> {
  const key = keys.balancer(name);
  const found =
    (await client.pipeline().hget(key, 'instance').hget(key, 'machine').hget(key, 'pid').hget(key, 'since').pttl(key).exec()) ?? [];
  const [instance, machine, pid, since, leftMs] = found.map(([, reply]) => reply ?? '');
  if (instance !== '' && typeof instance === 'string' && instance !== fields.instance)
    return { standing: ['held', instance, machine, pid, since, leftMs], replies: found };
  const replies =
    (await client.pipeline().hset(key, fields).pexpire(key, HEARTBEAT_TTL_MS).zadd(keys.balancers, joinedAtMs, name).exec()) ?? [];
  return { standing: ['ours', 1], replies };
}

/** Text of another process, for logs and terminals. */
function readable(text: unknown): string {
  return String(text).slice(0, 128).replace(/\p{C}/gu, '?');
}

// KEYS: term, restored, then hashes. ARGV: the highest term that was seen, then what the hashes had.
const RESTORE = defineScript(`${READ_TERM}${RESTORE_HASHES}
restore(2, 3, 2)
if term < floor then redis.call('SET', KEYS[1], string.format('%.0f', floor + 1)) end
return 0`);

/**
 * Gives a Redis that lost its data back what it must know. One term more than the highest that was seen, since an
 * election may have been missed, and a balancer that is new would else be elected with a term that all others refuse.
 * And what operators set, since a host that is drained must not come back by itself. What stands there already stays.
 */
export async function restoreFleet(
  client: Commands,
  keys: Keys,
  highestTerm: number,
  remembered: readonly RememberedHash[],
): Promise<void> {
  await runScript(
    client,
    RESTORE,
    [keys.term, keys.restored, ...remembered.map(({ key }) => key)],
    [highestTerm, ...restoreArgs(remembered)],
  );
}

// KEYS: the balancer's hash, the order. ARGV: instance, name.
const LEAVE = defineScript(`
if redis.call('HGET', KEYS[1], 'instance') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
return 1`);

/** Takes this balancer out of the fleet: its hash and its place in the succession. What another instance of its name wrote stays. Rejects when Redis can't be reached. */
export async function leaveFleet(client: Commands, keys: Keys, name: string, instance: string): Promise<void> {
  await runScript(client, LEAVE, [keys.balancer(name), keys.balancers], [instance, name]);
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
