// The master's writes of the host table to Redis. Stored changes go through a fenced script, which publishes the change
// and writes the host hashes and the snapshot: it does nothing for a stale master. Changes that need no storage are
// published without it: balancers drop messages of an older term.

import { poolOf } from '../host-id.js';
import type { HostMinute, MinuteFigures, MinutesSource } from '../minute-figures.js';
import type { HostRow, HostTable, PoolRow, Stamp } from '../model.js';
import { type Commands, reasonOf } from './connect.js';
import type { Keys } from './keys.js';
import { isHostId, isPoolName } from './names.js';
import { namesField } from './partly-named.js';
import type { QuietPublisher } from './quiet-publish.js';
import { defineScript, runScript } from './script.js';
import type { MessageGate } from './message-gate.js';
import type { MessageSigner } from './sign.js';
import { type Opened, openTableMessage, openUnchecked } from './signed-messages.js';
import { encodeTable } from './table-message.js';
import { FENCE, parseTerm, READ_TERM, termArg } from './term.js';

/** TTL of the hash of a host or pool; the master writes each one at least every 4 s. */
export const HOST_TTL_MS = 10_000;

/** TTL of the snapshot: stale figures are of no use. */
export const TABLE_TTL_MS = 60_000;

/** The content of one flush. */
export interface HostWrite {
  /** The change, for every balancer. */
  readonly message: HostTable;
  /** The whole table, for late joiners; null if not due. */
  readonly snapshot: HostTable | null;
  /** The hosts whose hashes are due; at most a few hundred, since the script blocks Redis. */
  readonly rows: readonly HostRow[];
  /** The pools whose hashes are due, as few; absent: none. */
  readonly pools?: readonly PoolRow[];
  /** The pools that there are no more. */
  readonly gonePools?: readonly string[];
  /** The last minute of hosts and pools. */
  readonly figures?: MinutesSource;
}

/** Outcome of a write. `fenced`: a newer master exists; `partial`: published, but Redis refused to store it. */
export type WriteOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'fenced'; readonly term: number }
  | { readonly kind: 'partial' | 'failed'; readonly reason: string };

// KEYS: term, hosts, table, pools, then the hash of each row, of each pool, of each removed host and of each removed pool.
// ARGV: term, mastership, channel, message, snapshot or '', snapshot TTL, hash TTL, numbers of rows, pools and removed
// hosts; then for each row and pool: name, time last seen, number of fields, fields and values; then the names of removed
// hosts and pools.
// A key of another type is garbage and is overwritten.
// PUBLISH comes first and never fails for lack of memory: routing continues when storing fails.
const WRITE_HOSTS = defineScript(`${READ_TERM}${FENCE}
if newer then return {'fenced', newer} end
redis.call('PUBLISH', ARGV[3], ARGV[4])
local refused = false
local function try(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'WRONGTYPE') then
    redis.call('DEL', key)
    reply = redis.pcall(command, key, ...)
  end
  if type(reply) == 'table' and reply.err then refused = reply.err end
end
if holder == '' then try('SET', KEYS[1], own .. ' ' .. ARGV[2]) end
if ARGV[5] ~= '' then try('SET', KEYS[3], ARGV[5], 'PX', ARGV[6]) end
local at = 11
local rows, hashes = tonumber(ARGV[8]), ARGV[8] + ARGV[9]
for row = 1, hashes do
  local key = KEYS[4 + row]
  local fields = tonumber(ARGV[at + 2])
  try('HSET', key, unpack(ARGV, at + 3, at + 2 + fields))
  try('PEXPIRE', key, ARGV[7])
  try('ZADD', row <= rows and KEYS[2] or KEYS[4], ARGV[at + 1], ARGV[at])
  at = at + 3 + fields
end
for gone = at, #ARGV do try('ZREM', gone < at + ARGV[10] and KEYS[2] or KEYS[4], ARGV[gone]) end
for gone = 5 + hashes, #KEYS do try('DEL', KEYS[gone]) end
if refused then return {'partial', refused} end
return {'written', ''}`);

/** Writes one flush. Never rejects: a failure is an outcome. */
export async function writeHosts(
  client: Commands,
  keys: Keys,
  write: HostWrite,
  nowEpochMs: number,
  signer?: MessageSigner,
): Promise<WriteOutcome> {
  const { message, snapshot, rows, pools = [], gonePools = [], figures } = write;
  const rowArgs = rows.flatMap((row) => {
    const minute = figures?.host(row.name);
    const fields = [...hostFields(row, nowEpochMs), ...minuteFields(minute), 'ejected_by', minute?.ejectedBy ?? 0];
    const heardAt = row.ageMs === null ? nowEpochMs : nowEpochMs - row.ageMs;
    return [row.name, Math.round(heardAt), fields.length, ...fields];
  });
  const poolArgs = pools.flatMap((pool) => {
    const fields = [...poolFields(pool), ...minuteFields(figures?.pool(pool.name))];
    return [pool.name, Math.round(nowEpochMs), fields.length, ...fields];
  });
  const text = encodeTable(message);
  const stored = snapshot === null ? '' : message.isFull ? text : encodeTable(snapshot);
  const { term } = message.stamp;
  try {
    const reply = await runScript(
      client,
      WRITE_HOSTS,
      [
        ...[keys.term, keys.hosts, keys.table, keys.pools],
        ...rows.map(({ name }) => keys.host(name)),
        ...pools.map(({ name }) => keys.pool(name)),
        ...message.gone.map((name) => keys.host(name)),
        ...gonePools.map((name) => keys.pool(name)),
      ],
      [
        termArg(term),
        message.stamp.mastership,
        keys.stats,
        signer?.sign(keys.stats, text, 'master', term) ?? text,
        stored === '' ? '' : (signer?.sign(keys.table, stored, 'master', term) ?? stored),
        TABLE_TTL_MS,
        HOST_TTL_MS,
        rows.length,
        pools.length,
        message.gone.length,
        ...rowArgs,
        ...poolArgs,
        ...message.gone,
        ...gonePools,
      ],
    );
    const [kind, detail] = reply as [string, string];
    if (kind === 'fenced') return { kind, term: Number(detail) };
    return kind === 'partial' ? { kind, reason: detail } : { kind: 'written' };
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  }
}

/** Publishes a change without storing it: figures and loads, many times a second. */
export function publishTable(publisher: QuietPublisher, keys: Keys, message: HostTable, signer?: MessageSigner): WriteOutcome {
  if (!publisher.isReady) return { kind: 'failed', reason: 'the connection takes nothing just now' };
  const text = encodeTable(message);
  publisher.publish(keys.stats, signer?.sign(keys.stats, text, 'master', message.stamp.term) ?? text);
  return { kind: 'written' };
}

/** Whether this table's mastership holds the term in Redis. Rejects if Redis is unreachable. */
export async function isTermHeldBy(client: Commands, keys: Keys, { term, mastership }: Stamp): Promise<boolean> {
  const held = parseTerm(await client.get(keys.term), term);
  return held.term === term && held.mastership === mastership;
}

/** Reads the snapshot; null if there is none. Without a gate its signature is not checked. Rejects if Redis is unreachable. */
export async function readSnapshot(client: Commands, keys: Keys, gate?: MessageGate): Promise<Opened<HostTable> | null> {
  const text = await client.get(keys.table);
  if (text === null) return null;
  return gate === undefined ? openUnchecked(text) : openTableMessage(gate, keys.table, text, true);
}

/** The ids of all hosts in Redis, whoever wrote them. Rejects if it is unreachable. */
export async function readHostNames(client: Commands, keys: Keys): Promise<string[]> {
  return (await client.zrange(keys.hosts, '0', '-1')).filter(isHostId);
}

/** The names of all pools in Redis, whoever wrote them. Rejects if it is unreachable. */
export async function readPoolNames(client: Commands, keys: Keys): Promise<string[]> {
  return (await client.zrange(keys.pools, '0', '-1')).filter(isPoolName);
}

/** The fields of a pool's hash. */
function poolFields({ name, hosts, up, rps, inflight, algorithm }: PoolRow): (string | number)[] {
  return ['name', name, 'hosts', hosts, 'up', up, 'rps', Number(rps.toFixed(1)), 'inflight', inflight, 'algorithm', algorithm ?? ''];
}

/** The fields of the last minute: latencies in ms, errors per second. What is not known is empty. */
function minuteFields(minute: MinuteFigures | HostMinute | undefined): (string | number)[] {
  const { p50Ms = null, p99Ms = null, p999Ms = null, errorRps } = minute ?? {};
  const ms = (value: number | null): string | number => (value === null ? '' : Number(value.toPrecision(4)));
  return ['p50', ms(p50Ms), 'p99', ms(p99Ms), 'p999', ms(p999Ms), 'errors', errorRps === undefined ? '' : Number(errorRps.toFixed(2))];
}

/** The fields of a host's hash, in plain units. Unknown values are empty strings. */
function hostFields(row: HostRow, nowEpochMs: number): (string | number)[] {
  const plain = (figure: number | null, places: number): string | number => (figure === null ? '' : Number(figure.toFixed(places)));
  return [
    ...['name', row.name, 'pool', poolOf(row.name), 'url', row.url, 'state', row.state],
    ...['cpu', plain(row.cpu, 3), 'memory', plain(row.memory, 3), 'cores', plain(row.cores, 2)],
    ...['inflight', row.open, 'long_lived', row.longLived, 'awaited', row.inflight],
    ...['rps', plain(row.fleetRps, 1), 'host_rps', plain(row.rps, 1)],
    ...['work_ms', plain(row.work, 1), 'capacity', plain(row.capacity, 2), 'speed', plain(row.speed, 3)],
    ...['agent', row.isStatic ? 'no' : 'yes', 'weight', row.weight ?? 1],
    ...['unassigned', row.isUnassigned === true ? 1 : ''],
    ...['conflict', row.conflict ?? ''],
    ...['named_by', namesField(row.partlyNamed?.by ?? []), 'not_named_by', namesField(row.partlyNamed?.notBy ?? [])],
    ...['reported', row.ageMs === null ? '' : new Date(nowEpochMs - row.ageMs).toISOString()],
  ];
}
