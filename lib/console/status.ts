// `meercat status`: the fleet as it stands in Redis, once or again and again.

import { setTimeout as pause } from 'node:timers/promises';
import { MeercatError } from '../errors.js';
import { describeAddress, parseRedisAddress } from '../redis/address.js';
import { type Commands, connectOnce, needsOperator, reasonOf } from '../redis/connect.js';
import { readCosts } from '../redis/cost-store.js';
import { readFleet } from '../redis/fleet-view.js';
import { buildKeys } from '../redis/keys.js';
import { renderCosts } from './costs.js';
import type { SortKey } from './fleet-order.js';
import { wantsColour } from './lines.js';
import { readOperatorKeys } from './operator-key.js';
import { checkFleetLives, isEmptyFleet, noFleet } from './no-fleet.js';
import { renderFleet } from './render.js';
import { canDraw } from './screen.js';
import { LOOK_EVERY_MS, type Seen, watchOnScreen } from './watch-status.js';

const CONNECT_TIMEOUT_MS = 3000;

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
  /** Order of pools and hosts; by name without it. */
  readonly sort?: SortKey | undefined;
  /** Whether to use colour; without it, on a terminal. */
  readonly colour?: boolean | undefined;
}

/** What was seen, and how to print it for a script. */
type Look = { json(): string } & Seen;

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
 * Prints the fleet; with `isWatching` until `signal` is aborted, and on a terminal until a person ends it by a key of
 * `input`. With `isJson` one line for each look. Rejects with MEERCAT_NO_FLEET when there is none, and with
 * MEERCAT_NO_REDIS; while watching these are printed, as a fleet may come.
 */
export async function printStatus(
  options: StatusOptions,
  out: NodeJS.WriteStream,
  signal: AbortSignal,
  input?: NodeJS.ReadStream,
): Promise<void> {
  const ring = readOperatorKeys(options.fleetKeyFile);
  const client = await connectForPerson(options.redis);
  const keys = buildKeys(options.namespace);
  const colour = wantsColour(options.colour, out, process.env);
  const json = (value: unknown): string => JSON.stringify(value, null, options.isWatching ? 0 : 2);
  const look = async (): Promise<Look> => {
    if (options.isCosts) {
      const costs = await readCosts(client, keys);
      if (costs.length === 0) await checkFleetLives(client, keys);
      return { json: () => json({ namespace: options.namespace, costs }), text: renderCosts(costs) };
    }
    const view = await readFleet(client, keys, ring);
    if (isEmptyFleet(view)) throw noFleet(view);
    return { json: () => json(view), view };
  };
  const print = (seen: Look): string => {
    if (options.isJson) return seen.json();
    if ('text' in seen) return seen.text;
    return renderFleet(seen.view, { isColoured: colour, sort: options.sort, columns: out.columns || undefined });
  };
  try {
    if (options.isWatching && !options.isJson && canDraw(out, process.env)) {
      const { redis, sort } = options;
      await watchOnScreen(
        { output: out, input },
        { look: () => look().catch(asError), redis, keys, ring, sort, isColoured: colour },
        signal,
      );
      return;
    }
    do {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const text = await look().then(print, (thrown: unknown) => {
        const error = asError(thrown);
        if (!options.isWatching) throw error;
        return options.isJson ? JSON.stringify({ error: error.code, message: error.message }) : error.message;
      });
      out.write(`${text}\n`);
      // oxlint-disable-next-line no-await-in-loop -- the pause between two looks
      if (options.isWatching) await pause(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    } while (options.isWatching && !signal.aborted);
  } finally {
    client.disconnect();
  }
}
