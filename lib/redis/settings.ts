// Fleet-wide operator settings, in the hash `settings`: an algorithm, and the operator states of hosts. Anyone may have
// written there with redis-cli: fields that are not understood are counted, never trusted.

import { ALGORITHMS, type Algorithm, OPERATOR_STATES, type OperatorState } from '../model.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { isName } from './names.js';

/** The settings; they override each balancer's flags. */
export interface Settings {
  readonly algorithm: Algorithm | null;
  /** Hosts that an operator drained or ejected, by name; at most as many as a table holds. */
  readonly operatorStates: ReadonlyMap<string, OperatorState>;
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

/** Parses the settings from the hash's fields. */
export function parseSettings(fields: Readonly<Record<string, string>>): Settings {
  let algorithm: Algorithm | null = null;
  const operatorStates = new Map<string, OperatorState>();
  const remembered = new Map<string, string>();
  let wrong = 0;
  for (const [field, value] of Object.entries(fields)) {
    const name = field.startsWith(HOST_PREFIX) ? field.slice(HOST_PREFIX.length) : '';
    if (field === 'algorithm' && ALGORITHMS.includes(value as Algorithm)) algorithm = value as Algorithm;
    else if (isName(name) && OPERATOR_STATES.includes(value as OperatorState) && operatorStates.size < MAX_OPERATOR_STATES)
      operatorStates.set(name, value as OperatorState);
    else wrong++;
    if (field.length <= MAX_FIELD_LENGTH && value.length <= MAX_VALUE_LENGTH && remembered.size < MAX_FIELDS) remembered.set(field, value);
  }
  return { algorithm, operatorStates, wrong, fields: remembered };
}

/** The settings if the key has another type: none, and one invalid field. */
export const GARBAGE_SETTINGS: Settings = { algorithm: null, operatorStates: new Map(), wrong: 1, fields: new Map() };

/** Reads the settings. Rejects if Redis is unreachable. */
export async function readSettings(client: Commands, keys: Keys): Promise<Settings> {
  try {
    return parseSettings(await client.hgetall(keys.settings));
  } catch (error) {
    if (isWrongType(error)) return GARBAGE_SETTINGS;
    throw error;
  }
}

/** The raw setting of a host, valid or not; null if there is none. */
export async function readWord(client: Commands, keys: Keys, host: string): Promise<string | null> {
  return client.hget(keys.settings, HOST_PREFIX + host).catch((error: unknown) => {
    if (isWrongType(error)) return null;
    throw error;
  });
}

/** Sets a host's operator state; null removes it. A key of another type is replaced. */
export async function writeOperatorState(client: Commands, keys: Keys, host: string, word: OperatorState | null): Promise<void> {
  const field = HOST_PREFIX + host;
  const write = (): Promise<number> => (word === null ? client.hdel(keys.settings, field) : client.hset(keys.settings, field, word));
  await write().catch(async (error: unknown) => {
    if (!isWrongType(error)) throw error;
    await client.del(keys.settings);
    await write();
  });
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.includes('WRONGTYPE');
}
