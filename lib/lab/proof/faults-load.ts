// The clients of all contestants of a turn, in a process of its own: an open load whose requests are due at random times.
// Runs as the role `fault-load`.

import { Random } from '../../routing/random.js';
import { machineMs, pause } from '../health.js';
import { type FaultEnding, ENDINGS, FaultClient } from './faults-client.js';

/** The load of one contestant. */
export interface ContestantLoad {
  /** Ports of its balancers. */
  readonly ports: readonly number[];
  readonly perSecond: number;
  readonly clients: number;
}

/** The order to send requests to contestants. */
export interface LoadBegin {
  readonly type: 'begin';
  readonly seed: number;
  readonly contestants: readonly ContestantLoad[];
}

/** What the load does. */
export type FaultLoadOrder = LoadBegin | { readonly type: 'end' };

/** The requests of one contestant, one entry each. Times are of `machineMs`. */
export interface LoadedRequests {
  readonly client: Uint16Array;
  readonly dueMs: Float64Array;
  readonly endMs: Float64Array;
  /** Index in `ENDINGS`. */
  readonly ending: Uint8Array;
  /** Examples of wrong answers. */
  readonly wrong: readonly string[];
}

/** The reply to `end`. */
export interface LoadDone {
  readonly type: 'done';
  readonly contestants: readonly LoadedRequests[];
}

/** Longer than a client waits for a balancer; then all its requests have ended. */
const GRACE_MS = 5000;

/** All clients connect before the first request is due. */
const CONNECT_MS = 100;

const EXAMPLES = 5;

/** Runs the role: `begin` starts the load, `end` ends it and is answered with `done`. */
export async function runFaultLoad(): Promise<() => void> {
  let loads: readonly Load[] = [];
  process.on('message', (message: FaultLoadOrder) => {
    if (message.type === 'begin') {
      loads = message.contestants.map((contestant, index) => new Load(contestant, message.seed * 101 + index));
      process.send?.({ type: 'begun' });
    }
    if (message.type === 'end') {
      void Promise.all(loads.map((load) => load.end())).then((contestants) => {
        process.send?.({ type: 'done', contestants } satisfies LoadDone);
      });
    }
  });
  process.send?.({ type: 'ready' });
  return () => undefined;
}

/** The clients of one contestant. */
class Load {
  readonly #clients: readonly FaultClient[];
  readonly #random: Random;
  readonly #meanGapMs: number;
  readonly #client: number[] = [];
  readonly #dueMs: number[] = [];
  readonly #endMs: number[] = [];
  readonly #ending: number[] = [];
  readonly #wrong: string[] = [];
  #nextDueMs = machineMs() + CONNECT_MS;
  #pending = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ ports, perSecond, clients }: ContestantLoad, seed: number) {
    this.#random = new Random(seed);
    this.#meanGapMs = 1000 / perSecond;
    this.#clients = Array.from(
      { length: clients },
      (_, index) => new FaultClient(ports, index, (id, ending, body) => this.#onEnding(id, ending, body)),
    );
    for (const client of this.#clients) client.open();
    this.#step();
  }

  async end(): Promise<LoadedRequests> {
    clearTimeout(this.#timer);
    for (const deadlineMs = machineMs() + GRACE_MS; this.#pending > 0 && machineMs() < deadlineMs; ) await pause(10);
    for (const client of this.#clients) client.close();
    const endedMs = machineMs();
    return {
      client: Uint16Array.from(this.#client),
      dueMs: Float64Array.from(this.#dueMs),
      endMs: Float64Array.from(this.#endMs, (ms) => (Number.isNaN(ms) ? endedMs : ms)),
      ending: Uint8Array.from(this.#ending),
      wrong: this.#wrong,
    };
  }

  #step(): void {
    const nowMs = machineMs();
    while (this.#nextDueMs <= nowMs) {
      const client = this.#random.below(this.#clients.length);
      const id = this.#dueMs.length;
      this.#client.push(client);
      this.#dueMs.push(this.#nextDueMs);
      this.#endMs.push(Number.NaN);
      // Until its end, it is one that nobody answered.
      this.#ending.push(ENDINGS.indexOf('silent'));
      this.#pending++;
      // Exponentially distributed gaps: arrivals of many independent clients.
      this.#nextDueMs -= this.#meanGapMs * Math.log((this.#random.below(1 << 30) + 1) / (1 << 30));
      this.#clients[client]?.ask(id);
    }
    this.#timer = setTimeout(() => this.#step(), Math.ceil(this.#nextDueMs - machineMs()));
  }

  #onEnding(id: number, ending: FaultEnding, body: string): void {
    this.#endMs[id] = machineMs();
    this.#ending[id] = ENDINGS.indexOf(ending);
    this.#pending--;
    if (ending === 'wrong' && this.#wrong.length < EXAMPLES)
      this.#wrong.push(`request ${id} was answered ${JSON.stringify(body.slice(0, 80))}`);
  }
}
