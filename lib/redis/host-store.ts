// The host table in Redis, as the master writes it. What is to be stored goes by a fenced script, which publishes
// the change, writes the hosts' hashes and stores the snapshot: an older master's does nothing. What is only to be
// known is published without it: balancers drop what is of an older term.

import type { HostRow, HostTable, Stamp } from '../model.js';
import { type Commands, reasonOf } from './connect.js';
import type { Decoded } from './decode.js';
import type { Keys } from './keys.js';
import { isName } from './names.js';
import type { QuietPublisher } from './quiet-publish.js';
import { defineScript, runScript } from './script.js';
import { decodeTable, encodeTable } from './table-message.js';
import { FENCE, parseTerm, READ_TERM } from './term.js';

/** How long a host's hash outlives the last write; the master writes each at least every 4 s. */
export const HOST_TTL_MS = 10_000;

/** How long the snapshot outlives the last write. It is only as good as its figures are fresh. */
export const TABLE_TTL_MS = 60_000;

/** What one flush writes. */
export interface HostWrite {
  /** The change, for every balancer. */
  readonly message: HostTable;
  /** The whole table for late joiners, or null when it is not due. */
  readonly snapshot: HostTable | null;
  /** The hosts whose hashes are due; a few hundred at most, as Redis does nothing else meanwhile. */
  readonly rows: readonly HostRow[];
}

/** What became of a write. `fenced`: a newer master exists; `partial`: published, but Redis refused to store it. */
export type WriteOutcome =
  | { readonly kind: 'written' }
  | { readonly kind: 'fenced'; readonly term: number }
  | { readonly kind: 'partial' | 'failed'; readonly reason: string };

// KEYS: term, hosts, table, then the hash of each row, then of each that is gone.
// ARGV: term, mastership, channel, message, snapshot or '', snapshot TTL, hash TTL, rows; then for each row: name, time
// heard of, number of fields, fields and values; then names gone.
// A key of another type is nobody's but garbage, and is written anew.
// PUBLISH comes first and is never refused for want of memory: routing goes on when storing can't.
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
if holder == '' then try('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2]) end
if ARGV[5] ~= '' then try('SET', KEYS[3], ARGV[5], 'PX', ARGV[6]) end
local at = 9
for row = 1, tonumber(ARGV[8]) do
  local key = KEYS[3 + row]
  local fields = tonumber(ARGV[at + 2])
  try('HSET', key, unpack(ARGV, at + 3, at + 2 + fields))
  try('PEXPIRE', key, ARGV[7])
  try('ZADD', KEYS[2], ARGV[at + 1], ARGV[at])
  at = at + 3 + fields
end
for gone = at, #ARGV do try('ZREM', KEYS[2], ARGV[gone]) end
for gone = 4 + tonumber(ARGV[8]), #KEYS do try('DEL', KEYS[gone]) end
if refused then return {'partial', refused} end
return {'written', ''}`);

/** Writes one flush. Never rejects: what went wrong is an outcome. */
export async function writeHosts(client: Commands, keys: Keys, write: HostWrite, nowEpochMs: number): Promise<WriteOutcome> {
  const { message, snapshot, rows } = write;
  const rowArgs = rows.flatMap((row) => {
    const fields = hostFields(row, nowEpochMs);
    const heardAt = row.ageMs === null ? nowEpochMs : nowEpochMs - row.ageMs;
    return [row.name, Math.round(heardAt), fields.length, ...fields];
  });
  const text = encodeTable(message);
  const stored = snapshot === null ? '' : message.isFull ? text : encodeTable(snapshot);
  try {
    const reply = await runScript(
      client,
      WRITE_HOSTS,
      [keys.term, keys.hosts, keys.table, ...rows.map((row) => keys.host(row.name)), ...message.gone.map((name) => keys.host(name))],
      [
        message.stamp.term,
        message.stamp.mastership,
        keys.stats,
        text,
        stored,
        TABLE_TTL_MS,
        HOST_TTL_MS,
        rows.length,
        ...rowArgs,
        ...message.gone,
      ],
    );
    const [kind, detail] = reply as [string, string];
    if (kind === 'fenced') return { kind, term: Number(detail) };
    return kind === 'partial' ? { kind, reason: detail } : { kind: 'written' };
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  }
}

/** Publishes a change that stores nothing: figures and loads, many times a second. */
export function publishTable(publisher: QuietPublisher, keys: Keys, message: HostTable): WriteOutcome {
  if (!publisher.isReady) return { kind: 'failed', reason: 'the connection takes nothing just now' };
  publisher.publish(keys.stats, encodeTable(message));
  return { kind: 'written' };
}

/** Whether the term in Redis is held by the mastership of this table. Rejects when Redis can't be reached. */
export async function isTermHeldBy(client: Commands, keys: Keys, { term, mastership }: Stamp): Promise<boolean> {
  const held = parseTerm(await client.get(keys.term), term);
  return held.term === term && held.mastership === mastership;
}

/** The stored table; null when there is none. Rejects when Redis can't be reached. */
export async function readSnapshot(client: Commands, keys: Keys): Promise<Decoded<HostTable> | null> {
  const text = await client.get(keys.table);
  return text === null ? null : decodeTable(text);
}

/** The names of all hosts in Redis, whoever wrote them. Rejects when it can't be reached. */
export async function readHostNames(client: Commands, keys: Keys): Promise<string[]> {
  return (await client.zrange(keys.hosts, '0', '-1')).filter(isName);
}

/** A host's hash: named fields in plain units. What is not known is an empty string. */
function hostFields(row: HostRow, nowEpochMs: number): (string | number)[] {
  const plain = (figure: number | null, places: number): string | number => (figure === null ? '' : Number(figure.toFixed(places)));
  return [
    ...['name', row.name, 'url', row.url, 'state', row.state],
    ...['cpu', plain(row.cpu, 3), 'memory', plain(row.memory, 3), 'cores', plain(row.cores, 2)],
    ...['inflight', row.inflight, 'rps', plain(row.fleetRps, 1), 'host_rps', plain(row.rps, 1)],
    ...['work_ms', plain(row.work, 1), 'capacity', plain(row.capacity, 2), 'speed', plain(row.speed, 3)],
    ...['agent', row.isStatic ? 'no' : 'yes'],
    ...['conflict', row.conflict ?? ''],
    ...['reported', row.ageMs === null ? '' : new Date(nowEpochMs - row.ageMs).toISOString()],
  ];
}
