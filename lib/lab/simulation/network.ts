// The messages between agents, balancers and the master: each is delayed by its path through Redis, some get lost, and
// none arrives while Redis is down. Messages on one path arrive in sending order.

import type { Draws } from './draws.js';
import type { EventQueue, EventHandler } from './event-queue.js';
import type { RedisServer } from './redis-server.js';
import type { Messages } from './scenario.js';

/** A path from one process to another. */
export interface Way {
  /** Arrival time of the last message. */
  lastMs: number;
}

/** All paths through Redis. */
export class Network {
  isRedisAway = false;
  /** Messages sent, and those of them that were lost. */
  sent = 0;
  lost = 0;
  /** Messages of peers, which go directly between balancers and hosts: probes, polls and their answers. */
  direct = 0;
  readonly #queue: EventQueue;
  readonly #clock: () => number;
  readonly #draws: Draws;
  readonly #rules: Messages;
  /** Null: Redis needs no time. */
  readonly #redis: RedisServer | null;

  constructor(queue: EventQueue, clock: () => number, draws: Draws, rules: Messages, redis: RedisServer | null = null) {
    this.#queue = queue;
    this.#clock = clock;
    this.#draws = draws;
    this.#rules = rules;
    this.#redis = redis;
  }

  /** Hands a message with this many rows for this many receivers to Redis; returns the delay until they get it, for `send` to each of them. */
  publish(receivers: number, rows: number): number {
    return this.#redis === null || this.isRedisAway ? 0 : this.#redis.publish(receivers, rows, this.#clock());
  }

  /** Sends a message; `run` receives it. `heldMs` is an additional delay. */
  send<Payload>(way: Way, run: EventHandler<Payload>, target: number, payload: Payload, heldMs = 0): void {
    const { loss } = this.#rules;
    this.sent++;
    if (this.isRedisAway || (loss > 0 && this.#draws.uniform() < loss)) {
      this.lost++;
      return;
    }
    way.lastMs = Math.max(way.lastMs, this.#clock() + this.delayMs() + heldMs);
    this.#queue.schedule(way.lastMs, run, target, payload);
  }

  /** Counts messages of a peer, sent at the same time, and draws their delay. */
  directMs(messages = 1): number {
    this.direct += messages;
    return this.delayMs();
  }

  /** Draws the delay of a message. */
  delayMs(): number {
    return this.#rules.delayMs + this.#rules.jitterMs * this.#draws.uniform();
  }
}
