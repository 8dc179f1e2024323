// Whether Redis takes this balancer's heartbeats. Each change is said once; without Redis routing goes on.

import type { Log } from '../log.js';

/** What one balancer knows of its Redis. */
export class RedisReach {
  readonly #log: Log;
  /** The address, without secrets. */
  readonly #redis: string;
  /** Whether Redis took the last heartbeat; undefined at first. */
  #isUsable: boolean | undefined;
  #reason = '';

  constructor(log: Log, redis: string) {
    this.#log = log;
    this.#redis = redis;
  }

  /** Why Redis can't be used; '' while it can. */
  get reason(): string {
    return this.#reason;
  }

  /** A heartbeat was taken. */
  taken(): void {
    if (this.#isUsable !== true) this.#log('info', 'redis is reachable', { redis: this.#redis });
    this.#isUsable = true;
    this.#reason = '';
  }

  /** The connection was lost, or a heartbeat was refused. */
  failed(what: string, reason: string): void {
    this.#log(this.#isUsable === false ? 'debug' : 'warn', `${what}; routing goes on with what is known`, { redis: this.#redis, reason });
    this.#isUsable = false;
    this.#reason = reason;
  }
}
