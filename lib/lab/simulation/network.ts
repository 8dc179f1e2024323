// The messages between agents, balancers and the master: each takes its time through Redis, some get lost, and none
// passes while Redis is away. Messages on one way arrive in the order in which they were sent.

import type { Draws } from './draws.js';
import type { EventQueue, EventHandler } from './event-queue.js';
import type { Messages } from './scenario.js';

/** From one process to another. */
export interface Way {
  /** When the last message arrived, or will. */
  lastMs: number;
}

/** All ways through Redis. */
export class Network {
  isRedisAway = false;
  /** Messages that were sent, and those of them that did not arrive. */
  sent = 0;
  lost = 0;
  readonly #queue: EventQueue;
  readonly #clock: () => number;
  readonly #draws: Draws;
  readonly #rules: Messages;

  constructor(queue: EventQueue, clock: () => number, draws: Draws, rules: Messages) {
    this.#queue = queue;
    this.#clock = clock;
    this.#draws = draws;
    this.#rules = rules;
  }

  /** Sends a message; `run` takes it in where it arrives. `heldMs` is how much longer it takes than usual. */
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

  /** How long one message takes. */
  delayMs(): number {
    return this.#rules.delayMs + this.#rules.jitterMs * this.#draws.uniform();
  }
}
