// What an overview reads from Redis while somebody looks: heartbeats and the master's name each time, costs and what the master
// stored every few seconds. One read at a time; one that fails leaves what was known.

import { type Clock, SECOND } from '../../clock.js';
import type { StoredView } from '../../fleet-figures.js';
import type { CostEstimate } from '../../learning/cost-model.js';
import type { Commands } from '../../redis/connect.js';
import { readCosts } from '../../redis/cost-store.js';
import { readBalancers } from '../../redis/fleet-view.js';
import type { Keys } from '../../redis/keys.js';
import { isName } from '../../redis/names.js';
import type { Heard } from './compose-balancers.js';

/** The master stores its view, and learns new costs, every 5 s. */
const STORED_EVERY_MS = 5 * SECOND;

/** Heartbeats that were read longer ago are not of now: each is written every second and lives for three. */
const FRESH_MS = 3 * SECOND;

/** How long a composition waits for a read: Redis answers within some milliseconds, or the overview goes without. */
const WAIT_MS = 250;

/** The dependencies of `RedisReads`. */
export interface RedisReadsOptions {
  readonly client: Commands;
  readonly keys: Keys;
  readonly clock: Clock;
  /** Reads what the master stored; null for nothing, or what does not count. */
  readonly readStored: () => Promise<StoredView | null>;
  readonly onStored: (view: StoredView) => void;
}

/** The reads of one watch. */
export class RedisReads {
  readonly #options: RedisReadsOptions;
  #heard: Heard['views'] = [];
  #heardAtMs = Number.NEGATIVE_INFINITY;
  #storedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  /** What requests cost, the most expensive first. */
  costs: readonly CostEstimate[] = [];
  /** The master's name; null for none, or when it is not known. */
  master: string | null = null;

  constructor(options: RedisReadsOptions) {
    this.#options = options;
  }

  /** The balancers, as they were last read. */
  get heard(): Heard {
    return { views: this.#heard, isFresh: this.#options.clock() - this.#heardAtMs < FRESH_MS };
  }

  /** Reads again. Resolves when that is done, or takes too long; never rejects. */
  async refresh(): Promise<void> {
    this.#reading ??= this.#read()
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined;
      });
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      this.#reading,
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, WAIT_MS);
      }),
    ]);
    clearTimeout(timer);
  }

  async #read(): Promise<void> {
    const { client, keys, clock, readStored, onStored } = this.#options;
    if (client.status !== 'ready') return;
    const nowMs = clock();
    const isStoredDue = nowMs - this.#storedAtMs >= STORED_EVERY_MS;
    const [views, master, stored, costs] = await Promise.all([
      readBalancers(client, keys),
      // A key of another type is not a master's.
      client.hget(keys.master, 'name').catch(() => null),
      isStoredDue ? readStored().catch(() => null) : null,
      isStoredDue ? readCosts(client, keys).catch(() => this.costs) : this.costs,
    ]);
    this.#heard = views;
    this.#heardAtMs = clock();
    this.master = isName(master) ? master : null;
    this.costs = costs;
    if (!isStoredDue) return;
    this.#storedAtMs = nowMs;
    if (stored !== null) onStored(stored);
  }
}
