// Fleet-wide operator settings, in the hash `settings`: an algorithm, the operator states of hosts, pools in maintenance. Anyone may have
// written there with redis-cli: fields that are not understood are counted, never trusted.

import { MINUTE } from '../clock.js';
import { ALGORITHMS, type Algorithm, type Maintenance, MAX_POOLS, OPERATOR_STATES, type OperatorState } from '../model.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { decodeMaintenance, encodeMaintenance } from './maintenance.js';
import { isHostId, isPoolName } from './names.js';
import { defineVitalScript, runScript } from './script.js';
import type { Expected, MessageSigner } from './sign.js';
import { splitSignature, withoutSignature } from './signature.js';

/** The settings; they override each balancer's flags. */
export interface Settings {
  readonly algorithm: Algorithm | null;
  /** Hosts that an operator drained or ejected, by name; at most as many as a table holds. */
  readonly operatorStates: ReadonlyMap<string, OperatorState>;
  /** Pools in maintenance, by name; at most as many as a table holds. */
  readonly maintenance: ReadonlyMap<string, Maintenance>;
  /** Number of invalid fields. */
  readonly wrong: number;
  /** All fields unchanged, including those of a later version: restored in a Redis that lost its data. */
  readonly fields: ReadonlyMap<string, string>;
}

const MAX_OPERATOR_STATES = 16_384;

/** Fields beyond these limits are not remembered: no operator sets that many, and each balancer keeps them in memory. */
const MAX_FIELDS = MAX_OPERATOR_STATES + 256;
const MAX_FIELD_LENGTH = 256;
const MAX_VALUE_LENGTH = 4096;
const HOST_PREFIX = 'host:';
const MAINTENANCE_PREFIX = 'maintenance:';
const ALGORITHM_FIELD = 'algorithm';

/** What stands in a signed field that was taken back: if it were missing, an old value could be put in its place. */
const TAKEN_BACK = 'none';

/** How long that stands there. */
const TAKEN_BACK_MS = 7 * 24 * 60 * MINUTE;

/** What is expected of the signature of a setting: it counts until it is replaced. */
export const SETTING_CHECK: Expected = {
  roles: ['operator'],
  maxLength: MAX_VALUE_LENGTH,
  maxAgeMs: Number.POSITIVE_INFINITY,
  isStored: true,
};

/** What a setting's signature covers besides its value. */
export function settingPlace(keys: Keys, field: string): string {
  return `${keys.settings} ${field}`;
}

/** Whether this value says that there is no setting. */
export function isTakenBack(value: string): boolean {
  return withoutSignature(value) === TAKEN_BACK;
}

/** Parses the settings from the hash's fields; signatures are cut off, and checked elsewhere. */
export function parseSettings(fields: Readonly<Record<string, string>>): Settings {
  let algorithm: Algorithm | null = null;
  const operatorStates = new Map<string, OperatorState>();
  const maintenance = new Map<string, Maintenance>();
  const remembered = new Map<string, string>();
  let wrong = 0;
  for (const [field, whole] of Object.entries(fields)) {
    const value = withoutSignature(whole);
    const name = field.startsWith(HOST_PREFIX) ? field.slice(HOST_PREFIX.length) : '';
    const pool = field.startsWith(MAINTENANCE_PREFIX) ? field.slice(MAINTENANCE_PREFIX.length) : '';
    const answer = isPoolName(pool) && maintenance.size < MAX_POOLS ? decodeMaintenance(value) : null;
    if (answer !== null) maintenance.set(pool, answer);
    else if (field === ALGORITHM_FIELD && ALGORITHMS.includes(value as Algorithm)) algorithm = value as Algorithm;
    else if (isHostId(name) && OPERATOR_STATES.includes(value as OperatorState) && operatorStates.size < MAX_OPERATOR_STATES)
      operatorStates.set(name, value as OperatorState);
    else if (value !== TAKEN_BACK || (field !== ALGORITHM_FIELD && !isHostId(name) && !isPoolName(pool))) wrong++;
    if (field.length <= MAX_FIELD_LENGTH && whole.length <= MAX_VALUE_LENGTH && remembered.size < MAX_FIELDS) remembered.set(field, whole);
  }
  return { algorithm, operatorStates, maintenance, wrong, fields: remembered };
}

/** The settings if the key has another type: none, and one invalid field. */
export const GARBAGE_SETTINGS: Settings = {
  algorithm: null,
  operatorStates: new Map(),
  maintenance: new Map(),
  wrong: 1,
  fields: new Map(),
};

/** Reads the settings. Rejects if Redis is unreachable. */
export async function readSettings(client: Commands, keys: Keys): Promise<Settings> {
  try {
    return parseSettings(await client.hgetall(keys.settings));
  } catch (error) {
    if (isWrongType(error)) return GARBAGE_SETTINGS;
    throw error;
  }
}

/** The setting of a host without its signature, valid or not; null if there is none. */
export async function readWord(client: Commands, keys: Keys, host: string): Promise<string | null> {
  return readField(client, keys, HOST_PREFIX + host);
}

/** The maintenance of a pool without its signature, valid or not; null if it has none. */
export async function readMaintenance(client: Commands, keys: Keys, pool: string): Promise<string | null> {
  return readField(client, keys, MAINTENANCE_PREFIX + pool);
}

/** The algorithm that is set, without its signature, valid or not; null if there is none. */
export async function readAlgorithm(client: Commands, keys: Keys): Promise<string | null> {
  return readField(client, keys, ALGORITHM_FIELD);
}

async function readField(client: Commands, keys: Keys, field: string): Promise<string | null> {
  const value = await client.hget(keys.settings, field).catch((error: unknown) => {
    if (isWrongType(error)) return null;
    throw error;
  });
  return value === null || isTakenBack(value) ? null : withoutSignature(value);
}

/** Sets a host's operator state; null removes it. A key of another type is replaced. */
export async function writeOperatorState(
  client: Commands,
  keys: Keys,
  host: string,
  word: OperatorState | null,
  signer?: MessageSigner,
): Promise<void> {
  await writeField(client, keys, HOST_PREFIX + host, word, signer);
}

/** Sets the algorithm of the whole fleet; null: each balancer's own. */
export async function writeAlgorithm(client: Commands, keys: Keys, algorithm: Algorithm | null, signer?: MessageSigner): Promise<void> {
  await writeField(client, keys, ALGORITHM_FIELD, algorithm, signer);
}

/** Puts a pool into maintenance; null ends it. */
export async function writeMaintenance(
  client: Commands,
  keys: Keys,
  pool: string,
  maintenance: Maintenance | null,
  signer?: MessageSigner,
): Promise<void> {
  await writeField(client, keys, MAINTENANCE_PREFIX + pool, maintenance === null ? null : encodeMaintenance(maintenance), signer);
}

async function writeField(client: Commands, keys: Keys, field: string, word: string | null, signer?: MessageSigner): Promise<void> {
  const signed = signer?.sign(settingPlace(keys, field), word ?? TAKEN_BACK, 'operator') ?? word;
  const write = (): Promise<number> => (signed === null ? client.hdel(keys.settings, field) : client.hset(keys.settings, field, signed));
  await write().catch(async (error: unknown) => {
    if (!isWrongType(error)) throw error;
    await client.del(keys.settings);
    await write();
  });
  if (signer !== undefined) await forgetTakenBack(client, keys);
}

/** Removes what was taken back long ago. */
async function forgetTakenBack(client: Commands, keys: Keys): Promise<void> {
  const oldest = (Date.now() - TAKEN_BACK_MS) * 1000;
  const fields = Object.entries(await client.hgetall(keys.settings)).flatMap(([field, value]) =>
    isTakenBack(value) && (splitSignature(value)?.signature.seq ?? oldest) < oldest ? field : [],
  );
  if (fields.length > 0) await client.hdel(keys.settings, ...fields);
}

/** A field that does not hold what it should. */
export interface SettingChange {
  readonly field: string;
  /** What was read there; null if the field was missing, or its value longer than any that counts. */
  readonly from: string | null;
  readonly to: string;
}

// KEYS: settings. ARGV: the length in bytes above which a value counts as none, then for each change: field, 1 if something was
// read there, what was read, and what is to be written. A key of another type is garbage.
const CHANGE_SETTINGS = defineVitalScript(`
local type = redis.call('TYPE', KEYS[1]).ok
if type ~= 'hash' and type ~= 'none' then redis.call('DEL', KEYS[1]) end
local written = 0
for at = 2, #ARGV, 4 do
  local now = redis.call('HGET', KEYS[1], ARGV[at])
  local isSame
  if ARGV[at + 1] == '1' then isSame = now == ARGV[at + 2] else isSame = not now or #now > tonumber(ARGV[1]) end
  if isSame then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 3])
    written = written + 1
  end
end
return written`);

/** Bytes that are no UTF-8 are read as this: what was read can't be compared with what is there. */
const UNREADABLE = '\ufffd';

/**
 * Changes fields that still hold exactly what was read; in one step, so that what somebody wrote meanwhile stays. Returns
 * how many were changed. Rejects if Redis is unreachable.
 */
export async function changeSettings(client: Commands, keys: Keys, changes: readonly SettingChange[]): Promise<number> {
  const args: (string | number | Buffer)[] = [MAX_VALUE_LENGTH];
  for (const { field, from, to } of changes) {
    let bytes: string | Buffer | null = from;
    if (from?.includes(UNREADABLE) === true) {
      bytes = await client.hgetBuffer(keys.settings, field);
      if (bytes?.toString() !== from) continue;
    }
    args.push(field, bytes === null ? 0 : 1, bytes ?? '', to);
  }
  return Number(await runScript(client, CHANGE_SETTINGS, [keys.settings], args));
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.includes('WRONGTYPE');
}
