// `meercat status`: the fleet as it stands in Redis, once or again and again.

import { setTimeout as pause } from 'node:timers/promises';
import { MeercatError } from '../errors.js';
import { describeAddress, parseRedisAddress } from '../redis/address.js';
import { type Commands, connectOnce, needsOperator, reasonOf } from '../redis/connect.js';
import { readCosts } from '../redis/cost-store.js';
import { readFleet } from '../redis/fleet-view.js';
import { buildKeys } from '../redis/keys.js';
import { renderCosts } from './costs.js';
import { readOperatorKeys } from './operator-key.js';
import { checkFleetLives, isEmptyFleet, noFleet } from './no-fleet.js';
import { renderFleet } from './render.js';
import { openScreen } from './screen.js';

const CONNECT_TIMEOUT_MS = 3000;
const WATCH_EVERY_MS = 500;

/** Options of `status`. */
export interface StatusOptions {
  readonly redis: string;
  readonly namespace: string;
  /** The file with the fleet's or the operator's key: settings are checked. Empty or missing for none. */
  readonly fleetKeyFile?: string | undefined;
  readonly isWatching: boolean;
  readonly isJson: boolean;
  /** What requests cost, in place of the fleet. */
  readonly isCosts: boolean;
}

/** Connects to a Redis that a person named. Rejects with MEERCAT_NO_REDIS and a message that says what to do. */
export async function connectForPerson(redis: string): Promise<Commands> {
  const address = parseRedisAddress(redis);
  try {
    return await connectOnce(address, CONNECT_TIMEOUT_MS);
  } catch (error) {
    const reason = reasonOf(error);
    // A refusal says itself what to do.
    throw new MeercatError(
      'MEERCAT_NO_REDIS',
      `Redis at ${describeAddress(address)} can't be used: ${reason}${needsOperator(reason) ? '' : '; check --redis'}`,
      { cause: error },
    );
  }
}

function asError(thrown: unknown): MeercatError {
  if (thrown instanceof MeercatError) return thrown;
  return new MeercatError('MEERCAT_NO_REDIS', `Redis can't be read: ${reasonOf(thrown)}`, { cause: thrown });
}

/**
 * Prints the fleet; with `isWatching` until `signal` is aborted. With `isJson` one line for each look. Rejects with
 * MEERCAT_NO_FLEET when there is none, and with MEERCAT_NO_REDIS; while watching these are printed, as a fleet may come.
 */
export async function printStatus(options: StatusOptions, out: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  const ring = readOperatorKeys(options.fleetKeyFile);
  const client = await connectForPerson(options.redis);
  const keys = buildKeys(options.namespace);
  const json = (value: unknown): string => JSON.stringify(value, null, options.isWatching ? 0 : 2);
  const read = async (): Promise<string> => {
    if (options.isCosts) {
      const costs = await readCosts(client, keys);
      if (costs.length === 0) await checkFleetLives(client, keys);
      return options.isJson ? json({ namespace: options.namespace, costs }) : renderCosts(costs);
    }
    const view = await readFleet(client, keys, ring);
    if (isEmptyFleet(view)) throw noFleet(view);
    return options.isJson ? json(view) : renderFleet(view);
  };
  const screen = options.isWatching && !options.isJson && out.isTTY ? openScreen(out) : undefined;
  try {
    do {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const text = await read().catch((thrown: unknown) => {
        const error = asError(thrown);
        if (!options.isWatching) throw error;
        return options.isJson ? JSON.stringify({ error: error.code, message: error.message }) : error.message;
      });
      if (screen === undefined) out.write(`${text}\n`);
      else screen.draw(text);
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      if (options.isWatching) await pause(WATCH_EVERY_MS, undefined, { signal }).catch(() => undefined);
    } while (options.isWatching && !signal.aborted);
  } finally {
    screen?.close();
    client.disconnect();
  }
}
