// `meercat drain`, `undrain` and `eject`: an operator's word about a host, for the whole fleet. It stands in Redis,
// and an event has every balancer read it at once.

import { MeercatError } from '../errors.js';
import { type Algorithm, type OperatorState, OWN_ALGORITHM } from '../model.js';
import { type Commands, reasonOf } from '../redis/connect.js';
import { type EventKind, WHOLE_FLEET } from '../redis/event-message.js';
import { countBalancers, publishEvent } from '../redis/fleet-store.js';
import { readHostNames } from '../redis/host-store.js';
import { buildKeys, type Keys } from '../redis/keys.js';
import { readAlgorithm, readWord, writeAlgorithm, writeOperatorState } from '../redis/settings.js';
import type { MessageSigner } from '../redis/sign.js';
import { checkFleetLives } from './no-fleet.js';
import { readOperatorKeys, signerOf } from './operator-key.js';
import { connectForPerson } from './status.js';

/** What an operator does to a host. */
export type OperatorAction = 'drain' | 'undrain' | 'eject';

/** Options of the commands. */
export interface OperatorOptions {
  readonly action: OperatorAction;
  readonly host: string;
  readonly redis: string;
  readonly namespace: string;
  /** The file with the fleet's or the operator's key; empty or missing for none. */
  readonly fleetKeyFile?: string | undefined;
  readonly isJson: boolean;
}

/** What was done. */
export interface Operated {
  readonly host: string;
  /** What stands in Redis about the host now; null when nothing. */
  readonly operator: OperatorState | null;
  /** What stood there before, as it was. */
  readonly before: string | null;
  /** The balancers that live. */
  readonly balancers: number;
}

const WORD: Readonly<Record<OperatorAction, OperatorState | null>> = { drain: 'drained', undrain: null, eject: 'ejected' };
const EVENT: Readonly<Record<OperatorAction, EventKind>> = { drain: 'host-drained', undrain: 'host-undrained', eject: 'host-ejected' };

/** How many names an error lists. */
const NAMES_SHOWN = 8;

/**
 * Sets or takes back the word, tells the fleet, and prints what was done. Rejects with MEERCAT_UNKNOWN_HOST when
 * the fleet does not know the host, MEERCAT_NO_FLEET when there is no fleet, and with MEERCAT_NO_REDIS.
 */
export async function operate(options: OperatorOptions, out: { write(text: string): unknown }): Promise<void> {
  const ring = readOperatorKeys(options.fleetKeyFile);
  const client = await connectForPerson(options.redis);
  try {
    const keys = buildKeys(options.namespace);
    const signer = await signerOf(client, keys, ring);
    const done = await operateHost(client, keys, options, `meercat ${options.action}`, signer).catch((error: unknown) => {
      if (error instanceof MeercatError) throw error;
      throw new MeercatError('MEERCAT_NO_REDIS', `Redis did not take it: ${reasonOf(error)}`, { cause: error });
    });
    out.write(`${options.isJson ? JSON.stringify(done) : describeOperated(done)}\n`);
  } finally {
    client.disconnect();
  }
}

/**
 * Sets or takes back the word and tells the fleet. Rejects as {@link operate} does, and when Redis can't be reached.
 * @param by who does it, for the event
 */
export async function operateHost(
  client: Commands,
  keys: Keys,
  { action, host }: Pick<OperatorOptions, 'action' | 'host'>,
  by: string,
  signer: MessageSigner | undefined,
): Promise<Operated> {
  const operator = WORD[action];
  const before = await readWord(client, keys, host);
  // What is set can be taken back, also of a host that is gone.
  if (operator !== null || before === null) await checkKnown(client, keys, host);
  await writeOperatorState(client, keys, host, operator, signer);
  await publishEvent(client, keys, { kind: EVENT[action], name: host, detail: `by ${by}`, by }, signer);
  return { host, operator, before, balancers: await countBalancers(client, keys) };
}

async function checkKnown(client: Commands, keys: Keys, host: string): Promise<void> {
  const names = await readHostNames(client, keys);
  if (names.includes(host)) return;
  if (names.length === 0) await checkFleetLives(client, keys);
  const shown = names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })).slice(0, NAMES_SHOWN);
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : '';
  const known = names.length === 0 ? 'it knows none at all' : `it knows ${shown.join(', ')}${more}`;
  throw new MeercatError(
    'MEERCAT_UNKNOWN_HOST',
    `the fleet knows no host ${JSON.stringify(host.slice(0, 128))}: ${known} (meercat status shows all)`,
  );
}

/** What was done, in two lines for a person. */
export function describeOperated({ host, operator, before, balancers }: Operated): string {
  const fleet =
    balancers === 0
      ? 'no balancer is in the fleet; one that starts goes by it'
      : `${balancers} balancer${balancers === 1 ? ' is' : 's are'} in the fleet; each goes by it within a second`;
  return `${phrase(host, operator, before)}\n${fleet}`;
}

function phrase(host: string, operator: OperatorState | null, before: string | null): string {
  if (operator === null)
    return before === null ? `${host} was neither drained nor ejected` : `${host} is let in again: it gets requests when it is well`;
  const again = before === operator ? ' already' : '';
  const rest =
    operator === 'drained'
      ? 'it gets no new requests, and finishes what it has'
      : 'it gets no new requests, and what it has in flight is ended';
  return `${host} is ${operator}${again}: ${rest}`;
}

/** Options of `meercat algorithm`. */
export interface AlgorithmOptions {
  /** Null: each balancer's own. */
  readonly algorithm: Algorithm | null;
  readonly redis: string;
  readonly namespace: string;
  readonly fleetKeyFile?: string | undefined;
  readonly isJson: boolean;
}

/** Sets the algorithm of the whole fleet and prints what was done. Rejects with MEERCAT_NO_REDIS, MEERCAT_NO_FLEET and MEERCAT_KEY_NEEDED. */
export async function setAlgorithm(options: AlgorithmOptions, out: { write(text: string): unknown }): Promise<void> {
  const { algorithm, redis, namespace, fleetKeyFile, isJson } = options;
  const ring = readOperatorKeys(fleetKeyFile);
  const client = await connectForPerson(redis);
  try {
    const keys = buildKeys(namespace);
    await checkFleetLives(client, keys);
    const signer = await signerOf(client, keys, ring);
    const before = await writeFleetAlgorithm(client, keys, algorithm, 'meercat algorithm', signer);
    out.write(isJson ? `${JSON.stringify({ algorithm, before })}\n` : `${describeAlgorithm(algorithm)}\n`);
  } catch (error) {
    if (error instanceof MeercatError) throw error;
    throw new MeercatError('MEERCAT_NO_REDIS', `Redis did not take it: ${reasonOf(error)}`, { cause: error });
  } finally {
    client.disconnect();
  }
}

/** Sets the algorithm of the whole fleet, and tells the fleet who did it. Gives back what was set before; null for nothing. */
export async function writeFleetAlgorithm(
  client: Commands,
  keys: Keys,
  algorithm: Algorithm | null,
  by: string,
  signer: MessageSigner | undefined,
): Promise<string | null> {
  const before = await readAlgorithm(client, keys);
  await writeAlgorithm(client, keys, algorithm, signer);
  await publishEvent(client, keys, { kind: 'algorithm-set', name: WHOLE_FLEET, detail: algorithm ?? OWN_ALGORITHM, by }, signer);
  return before;
}

/** What was done, in one line for a person. */
export function describeAlgorithm(algorithm: Algorithm | null): string {
  const what = algorithm === null ? 'each balancer goes by its own flag' : `the algorithm of the whole fleet is ${algorithm}`;
  return `${what}, within a second`;
}
