// `meercat restart`: asks the `meercat up` of a Redis and namespace to restart its balancers one after the
// other, and follows it to the end. Only who started a process can start it again: hence the asking.

import { MeercatError } from '../errors.js';
import { parseRedisAddress } from '../redis/address.js';
import { type Commands, openSubscription, reasonOf } from '../redis/connect.js';
import { type FleetEvent, WHOLE_FLEET } from '../redis/event-message.js';
import { publishEvent } from '../redis/fleet-store.js';
import { readFleet } from '../redis/fleet-view.js';
import { buildKeys, type Keys } from '../redis/keys.js';
import { MessageGate } from '../redis/message-gate.js';
import type { MessageSigner } from '../redis/sign.js';
import { openEvent } from '../redis/signed-messages.js';
import { checkFleetLives } from './no-fleet.js';
import { readOperatorKeys, signerOf } from './operator-key.js';
import { connectForPerson } from './status.js';

/** So long `meercat up` may take to react. */
const REACT_TIMEOUT_MS = 5000;

/** Longest time without a step: within it, a balancer drains, ends and comes up. */
const SILENCE_TIMEOUT_MS = 60_000;

/** A balancer that serves again has written itself to Redis, or does so soon. */
const HEARTBEAT_TIMEOUT_MS = 5000;
const LOOK_EVERY_MS = 50;

/** Silence after which Redis is read instead: a lost event is not published again. */
const LOOK_AFTER_MS = 1000;

/** How long to wait for the event of a balancer that Redis lists already: it is listed a moment before it serves. */
const EVENT_AFTER_MS = 2000;

/** One step, from an event of `meercat up` or from what Redis holds. */
type Step = Pick<FleetEvent, 'kind' | 'name' | 'detail'>;

/** Options of `restart`. */
export interface RestartOptions {
  readonly redis: string;
  readonly namespace: string;
  /** The file with the fleet's or the operator's key; empty or missing for none. */
  readonly fleetKeyFile?: string | undefined;
  readonly isJson: boolean;
}

/** What signs the request, and checks what `meercat up` says. */
interface Voice {
  readonly signer: MessageSigner | undefined;
  readonly gate: MessageGate;
}

/** Restarts and prints how far it is, or with `isJson` one line at the end. Rejects with MEERCAT_RESTART_FAILED unless all were restarted, and with MEERCAT_NO_FLEET where there is none. */
export async function restartFleet({ redis, namespace, fleetKeyFile, isJson }: RestartOptions, out: NodeJS.WritableStream): Promise<void> {
  const keys = buildKeys(namespace);
  const ring = readOperatorKeys(fleetKeyFile);
  const client = await connectForPerson(redis);
  const startMs = performance.now();
  const say = (line: string): void => void (isJson || out.write(`${line}\n`));
  try {
    const before = await readSince(client, keys);
    const voice: Voice = {
      signer: await signerOf(client, keys, ring),
      gate: new MessageGate(
        ring,
        () => undefined,
        () => undefined,
      ),
    };
    const restarted: { name: string; since: string }[] = [];
    const began = new Set<string>();
    for await (const { kind, name, detail = '' } of stepsOf(redis, client, keys, before, voice)) {
      if (name === WHOLE_FLEET) say(kind === 'restart-ended' ? `restarted ${detail}` : `meercat up: ${detail}`);
      else if (kind === 'restart-began') began.add(name);
      else if (kind === 'restart-ended') {
        // Of one whose beginning was not seen, the old entry may never have been read.
        const since = await untilNew(client, keys, name, began.has(name) ? before.get(name) : undefined);
        restarted.push({ name, since });
        say(`${name} ${detail}`);
      }
    }
    if (isJson)
      out.write(`${JSON.stringify({ namespace, restarted, seconds: Number(((performance.now() - startMs) / 1000).toFixed(1)) })}\n`);
  } finally {
    client.disconnect();
  }
}

/**
 * Asks for the restart and yields its steps to the last one. A step whose event was lost is read from Redis. Rejects when
 * the restart fails, or when nothing happens for too long.
 */
async function* stepsOf(
  redis: string,
  client: Commands,
  keys: Keys,
  before: ReadonlyMap<string, string>,
  { signer, gate }: Voice,
): AsyncGenerator<Step> {
  const waiting: Step[] = [];
  let wake: () => void = () => undefined;
  let hasAsked = false;
  let failure: unknown;
  const subscription = openSubscription(
    parseRedisAddress(redis),
    [keys.events],
    (_channel, text) => {
      const event = openEvent(gate, keys.events, text);
      if (!event.ok || !/^restart-(began|ended|failed)$/.test(event.value.kind)) return;
      waiting.push(event.value);
      wake();
    },
    {
      onReady() {
        // After a reconnect too it is subscribed again; to ask again could begin a second restart.
        if (hasAsked) return;
        hasAsked = true;
        requestRestart(client, keys, 'meercat restart', signer).catch((error: unknown) => {
          failure = error;
          wake();
        });
      },
    },
  );
  const looker = new Looker(before, () => readSince(client, keys));
  try {
    let timeoutMs = REACT_TIMEOUT_MS;
    let heardAtMs = performance.now();
    for (;;) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, LOOK_AFTER_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      if (failure !== undefined)
        throw new MeercatError('MEERCAT_NO_REDIS', `Redis can't be written: ${reasonOf(failure)}`, { cause: failure });
      const step = waiting.shift() ?? (await looker.missed());
      if (step === undefined) {
        if (performance.now() - heardAtMs < timeoutMs) continue;
        // Who asked in the wrong place must not look for a `meercat up` that is well.
        if (timeoutMs === REACT_TIMEOUT_MS) await checkFleetLives(client, keys);
        throw silence(timeoutMs, keys.namespace);
      }
      if (step.kind === 'restart-failed' && step.name === WHOLE_FLEET)
        throw new MeercatError('MEERCAT_RESTART_FAILED', `not restarted: ${step.detail ?? 'without a reason'}`);
      if (looker.isNews(step)) yield step;
      if (step.kind === 'restart-ended' && step.name === WHOLE_FLEET) return;
      timeoutMs = SILENCE_TIMEOUT_MS;
      heardAtMs = performance.now();
    }
  } finally {
    subscription.close();
  }
}

/** Asks for the restart, without waiting for it. Rejects when Redis can't be reached. */
export async function requestRestart(client: Commands, keys: Keys, by: string, signer: MessageSigner | undefined): Promise<void> {
  await publishEvent(client, keys, { kind: 'restart-requested', name: WHOLE_FLEET, by }, signer);
}

/** Finds steps whose event was lost, by the start times of balancers in Redis. */
class Looker {
  readonly #before: Map<string, string>;
  readonly #read: () => Promise<ReadonlyMap<string, string>>;
  readonly #ended = new Set<string>();
  /** Since when each has been another one. */
  readonly #newSinceMs = new Map<string, number>();
  #last: ReadonlyMap<string, string> = new Map();

  constructor(before: ReadonlyMap<string, string>, read: () => Promise<ReadonlyMap<string, string>>) {
    this.#before = new Map(before);
    this.#read = read;
  }

  /** The next step whose event was lost; the last step when all balancers have been replaced. */
  async missed(): Promise<Step | undefined> {
    const found = await this.#read().catch(() => undefined);
    if (found === undefined) return undefined;
    this.#last = found;
    for (const [name, since] of this.#before) {
      const now = found.get(name);
      if (this.#ended.has(name) || now === undefined || now === since) continue;
      const newSinceMs = this.#newSinceMs.get(name) ?? performance.now();
      this.#newSinceMs.set(name, newSinceMs);
      if (performance.now() - newSinceMs >= EVENT_AFTER_MS) return { kind: 'restart-ended', name, detail: 'serves again' };
    }
    const count = this.#before.size;
    if (count === 0 || this.#ended.size < count) return undefined;
    return { kind: 'restart-ended', name: WHOLE_FLEET, detail: `${count} balancer${count === 1 ? '' : 's'}` };
  }

  /** Records a step; false when Redis showed it before its event came. */
  isNews({ kind, name }: Step): boolean {
    if (kind === 'restart-ended') {
      if (this.#ended.has(name)) return false;
      if (this.#before.has(name)) this.#ended.add(name);
    } else if (kind === 'restart-began' && this.#ended.delete(name)) {
      // It had been restarted for another reason.
      this.#before.set(name, this.#last.get(name) ?? '');
      this.#newSinceMs.delete(name);
    }
    return true;
  }
}

function silence(timeoutMs: number, namespace: string): MeercatError {
  return new MeercatError(
    'MEERCAT_RESTART_FAILED',
    timeoutMs === REACT_TIMEOUT_MS
      ? `no meercat up answers on this Redis and namespace (${namespace}): it alone can restart what it started; of balancers that run otherwise, send SIGTERM to one after the other and start each again when it has ended; for meercat balancer --processes, SIGUSR1 to its parent`
      : `nothing more was heard from meercat up for ${timeoutMs / 1000} s: look at meercat status`,
  );
}

/** When each balancer started, as it stands in Redis. */
async function readSince(client: Commands, keys: Keys): Promise<Map<string, string>> {
  const view = await readFleet(client, keys).catch((error: unknown) => {
    throw new MeercatError('MEERCAT_NO_REDIS', `Redis can't be read: ${reasonOf(error)}`, { cause: error });
  });
  return new Map(view.balancers.map(({ name, since }) => [name, since]));
}

/** When the balancer that took the old one's place started. Rejects when it does not stand in Redis in time. */
async function untilNew(client: Commands, keys: Keys, name: string, oldSince: string | undefined): Promise<string> {
  const deadlineMs = performance.now() + HEARTBEAT_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    const since = (await readSince(client, keys)).get(name);
    if (since !== undefined && since !== oldSince) return since;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new MeercatError(
    'MEERCAT_RESTART_FAILED',
    `${name} was restarted, but does not stand in Redis as a new one: look at meercat status`,
  );
}
