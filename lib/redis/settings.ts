// What an operator set for the whole fleet, as it stands in the hash `settings`: an algorithm, and words about
// hosts. Anyone may have written there with redis-cli: what is not understood is counted, never trusted.

import { ALGORITHMS, type Algorithm, OPERATOR_STATES, type OperatorState } from '../model.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { isName } from './names.js';

/** The settings; they override each balancer's flags. */
export interface Settings {
  readonly algorithm: Algorithm | null;
  /** The hosts that an operator took out, by name; at most as many as a table holds. */
  readonly operatorStates: ReadonlyMap<string, OperatorState>;
  /** How many fields could not be understood. */
  readonly wrong: number;
  /** All fields as they stand, those of a later version too: what a Redis that lost its data gets back. */
  readonly fields: ReadonlyMap<string, string>;
}

const MAX_OPERATOR_STATES = 16_384;

/** Fields beyond these limits are not remembered: nobody sets as much by hand, and each balancer keeps it. */
const MAX_FIELDS = MAX_OPERATOR_STATES + 256;
const MAX_FIELD_LENGTH = 256;
const MAX_VALUE_LENGTH = 4096;
const HOST_PREFIX = 'host:';

/** Takes the settings out of the hash's fields. */
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

/** The settings when the key is of another type: none, and one thing wrong. */
export const GARBAGE_SETTINGS: Settings = { algorithm: null, operatorStates: new Map(), wrong: 1, fields: new Map() };

/** Reads the settings alone. Rejects when Redis can't be reached. */
export async function readSettings(client: Commands, keys: Keys): Promise<Settings> {
  try {
    return parseSettings(await client.hgetall(keys.settings));
  } catch (error) {
    if (isWrongType(error)) return GARBAGE_SETTINGS;
    throw error;
  }
}

/** What stands in the settings about a host, understood or not; null when nothing. */
export async function readWord(client: Commands, keys: Keys, host: string): Promise<string | null> {
  return client.hget(keys.settings, HOST_PREFIX + host).catch((error: unknown) => {
    if (isWrongType(error)) return null;
    throw error;
  });
}

/** Sets an operator's word about a host, or takes it back with null. A key of another type is written anew. */
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
