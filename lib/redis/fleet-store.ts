// Balancer state in Redis: heartbeats, the order of succession, settings, events.

import { type Commands, isDenial, reasonOf } from './connect.js';
import { encodeEvent, type FleetEvent } from './event-message.js';
import type { Keys } from './keys.js';
import { readReply } from './replies.js';
import { isName } from './names.js';
import { type RememberedHash, RESTORE_HASHES, restoreArgs } from './remembered.js';
import { defineScript, defineVitalScript, runScript } from './script.js';
import { GARBAGE_SETTINGS, parseSettings, type Settings } from './settings.js';
import type { MessageSigner } from './sign.js';
import { SITE_MARK } from './stored-site.js';
import { roleOfEvent } from './signed-messages.js';
import { type HeldTerm, parseTerm, READ_TERM, termArg } from './term.js';

/** A balancer counts as alive for this long after its last heartbeat. */
export const HEARTBEAT_TTL_MS = 3000;

/** The balancer that holds a name, from its heartbeat. */
export interface NameHolder {
  /** Unique to each start of a process. */
  readonly instance: string;
  readonly machine: string;
  readonly pid: string;
  /** The kernel and PID namespace in which `pid` counts; '' when unknown. */
  readonly pidSpace: string;
  /** When it joined the fleet, as ISO 8601. */
  readonly since: string;
  /** Time until its last heartbeat expires. */
  readonly leftMs: number;
}

/** Who holds the balancer's name. `free`: nobody, and the heartbeat was not allowed to claim it. */
export type NameStanding = { readonly kind: 'ours' | 'free' } | { readonly kind: 'held'; readonly holder: NameHolder };

/** The state of the fleet, returned by a heartbeat. */
export interface FleetStanding {
  /** Names of the balancers, in the order of joining. */
  readonly order: readonly string[];
  /** The master's name from its hash; null if there is none. */
  readonly master: string | null;
  /** The highest term in Redis and its holder; 0 if missing or garbage. */
  readonly term: HeldTerm;
  /** Whether this balancer holds its name. */
  readonly name: NameStanding;
  /** Whether this balancer was still listed in the order. */
  readonly wasListed: boolean;
  /** Whether it is listed now: a full Redis lists nobody anew. */
  readonly isListed: boolean;
  readonly settings: Settings;
  /** What stands in the site's key, as `mark` of a `SiteFound`; null if the user may not run the script that tells it. */
  readonly siteMark: string | null;
  /** Why Redis accepted only part of the heartbeat: the user lacks permissions. Null if it accepted all. */
  readonly denied: string | null;
}

// KEYS: the balancer's hash, the order, the site. ARGV: instance, TTL, name, joining time, 1 to claim a free name, an instance that
// is known to be dead or '', then fields and values. Another living instance's hash stays until it expires. A hash without expiry, or with more than a heartbeat's TTL
// left, is garbage, as is a key of another type.
const BEAT = defineScript(`${SITE_MARK}
local site = siteMark(KEYS[3])
local function text(field)
  local value = redis.pcall('HGET', KEYS[1], field)
  return type(value) == 'string' and value or ''
end
local left = redis.call('PTTL', KEYS[1])
if left == -1 or left > tonumber(ARGV[2]) or (left >= 0 and redis.call('TYPE', KEYS[1]).ok ~= 'hash') then redis.call('DEL', KEYS[1]) end
local holder = text('instance')
if holder ~= '' and holder ~= ARGV[1] and holder ~= ARGV[6] then
  return {site, 'held', holder, text('machine'), text('pid'), text('since'), left, text('pid_space')}
end
if holder == '' and ARGV[5] ~= '1' then return {site, 'free'} end
if holder ~= '' and holder == ARGV[6] then redis.call('DEL', KEYS[1]) end
if redis.call('EXISTS', KEYS[2]) == 1 and redis.call('TYPE', KEYS[2]).ok ~= 'zset' then redis.call('DEL', KEYS[2]) end
local listed = redis.call('ZSCORE', KEYS[2], ARGV[3])
local written = redis.pcall('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local added = type(written) == 'number' and redis.pcall('ZADD', KEYS[2], ARGV[4], ARGV[3])
-- A full Redis refuses the hash and still answers; a user without the right is to hear of it.
if type(written) == 'table' and string.find(written.err, "can't") then return written end
return {site, 'ours', listed and 1 or 0, (listed or type(added) == 'number') and 1 or 0}`);

/**
 * Writes this balancer's heartbeat, unless another one holds its name, and reads the state of the fleet, in one round
 * trip. Rejects if Redis is unreachable.
 * @param fields the balancer's own fields; `instance` distinguishes it from others of its name
 * @param mayClaim whether to claim the name if it is free
 * @param deadInstance an instance known to be dead, whose name is claimed
 */
export async function heartbeat(
  client: Commands,
  keys: Keys,
  name: string,
  joinedAtMs: number,
  fields: Readonly<Record<string, string | number>>,
  highestTerm = 0,
  mayClaim = true,
  deadInstance = '',
): Promise<FleetStanding> {
  const key = keys.balancer(name);
  const args = [
    key,
    keys.balancers,
    keys.site,
    fields.instance ?? '',
    HEARTBEAT_TTL_MS,
    name,
    joinedAtMs,
    mayClaim ? 1 : 0,
    deadInstance,
    ...Object.entries(fields).flat(),
  ];
  const beat = (write: (pipeline: ReturnType<Commands['pipeline']>) => ReturnType<Commands['pipeline']>) =>
    write(client.pipeline()).zrange(keys.balancers, '0', '-1').hget(keys.master, 'name').get(keys.term).hgetall(keys.settings).exec();
  let replies = await beat((pipeline) => pipeline.evalsha(BEAT.sha, 3, ...args));
  if (replies?.[0]?.[0]?.message.startsWith('NOSCRIPT')) replies = await beat((pipeline) => pipeline.eval(BEAT.lua, 3, ...args));
  // A user without permission for scripts can't be master, but the balancer must be visible: write the heartbeat without one.
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
  const [siteMark, kind, ...found] = (standing ?? replyAt(0, [])) as [string | null, NameStanding['kind'], ...unknown[]];
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
            holder: {
              instance: instance ?? '',
              machine: machine ?? '',
              pid: pid ?? '',
              pidSpace: readable(found[5] ?? ''),
              since: since ?? '',
              leftMs: Number(found[4]),
            },
          }
        : { kind },
    wasListed: kind === 'ours' && found[0] === 1,
    isListed: kind === 'ours' && found[1] === 1,
    denied,
    siteMark,
    settings: isGarbage(4) ? GARBAGE_SETTINGS : parseSettings(replyAt(4, {}) as Record<string, string>),
  };
}

/**
 * A heartbeat without a script: the same, except for a race in which another balancer can take the name. Returns the
 * script's reply.
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
    return { standing: [null, 'held', instance, machine, pid, since, leftMs], replies: found };
  const replies =
    (await client.pipeline().hset(key, fields).pexpire(key, HEARTBEAT_TTL_MS).zadd(keys.balancers, joinedAtMs, name).exec()) ?? [];
  return { standing: [null, 'ours', 1, 1], replies };
}

/** Makes another process's text safe for logs and terminals. */
function readable(text: unknown): string {
  return String(text).slice(0, 128).replace(/\p{C}/gu, '?');
}

// KEYS: term, restored, then hashes. ARGV: the highest term seen, then the contents of the hashes.
const RESTORE = defineVitalScript(`${READ_TERM}${RESTORE_HASHES}
restore(2, 3, 2)
if term < floor then redis.call('SET', KEYS[1], string.format('%.0f', floor + 1)) end
return 0`);

/**
 * Restores essential state in a Redis that lost its data. The term becomes one more than the highest seen, since an
 * election may have been missed: otherwise a new balancer could be elected with a term that all others reject. Operator
 * settings are restored so that a drained host does not come back by itself. Existing values are kept. A full Redis takes it
 * too, from Redis 7 on.
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
    [termArg(highestTerm), ...restoreArgs(remembered)],
  );
}

// KEYS: the balancer's hash, the order. ARGV: instance, name.
const LEAVE = defineScript(`
if redis.call('HGET', KEYS[1], 'instance') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
return 1`);

/** Removes this balancer's hash and its place in the succession. Another instance's data under the same name is kept. Rejects if Redis is unreachable. */
export async function leaveFleet(client: Commands, keys: Keys, name: string, instance: string): Promise<void> {
  await runScript(client, LEAVE, [keys.balancer(name), keys.balancers], [instance, name]);
}

/** Removes balancers without a heartbeat from the succession; returns their names. */
export async function pruneBalancers(client: Commands, keys: Keys, order: readonly string[]): Promise<string[]> {
  const pipeline = client.pipeline();
  for (const name of order) pipeline.exists(keys.balancer(name));
  const replies = (await pipeline.exec()) ?? [];
  const dead = order.filter((_, index) => replies[index]?.[0] === null && replies[index]?.[1] === 0);
  if (dead.length > 0) await client.zrem(keys.balancers, ...dead);
  return dead;
}

/** Counts the live balancers: those whose heartbeat has not expired. Rejects if Redis is unreachable. */
export async function countBalancers(client: Commands, keys: Keys): Promise<number> {
  const order = (await client.zrange(keys.balancers, '0', '-1')).filter(isName);
  const pipeline = client.pipeline();
  for (const name of order) pipeline.exists(keys.balancer(name));
  const replies = await pipeline.exec();
  return order.filter((_, index) => readReply(replies, index) === 1).length;
}

/** Publishes an event, signed for the role that its kind belongs to. */
export async function publishEvent(client: Commands, keys: Keys, event: FleetEvent, signer?: MessageSigner): Promise<void> {
  const text = encodeEvent(event, new Date());
  await client.publish(keys.events, signer?.sign(keys.events, text, roleOfEvent(event.kind), event.term) ?? text);
}
