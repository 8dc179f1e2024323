// Says in the log whether the fleet's Redis can be used: once for each change, and once for each reason that someone
// must mend, however often it is met.

import type { Log } from '../log.js';
import { needsOperator } from '../redis/connect.js';

/** What the log was told of one Redis. */
export class RedisState {
  readonly #log: Log;
  readonly #where: string;
  /** Whether Redis took the last heartbeat; undefined at first. */
  #isUsable: boolean | undefined;
  #warned: string | undefined;
  #denied: string | null = null;
  #reason = '';

  /** @param where the address, without what is secret in it */
  constructor(log: Log, where: string) {
    this.#log = log;
    this.#where = where;
  }

  /** Why Redis can't be used; '' while it can. */
  get reason(): string {
    return this.#reason;
  }

  /** Redis took a heartbeat; `denied` says what of it the user may not write. */
  taken(denied: string | null): void {
    if (this.#isUsable !== true) this.#log('info', 'redis is reachable', { redis: this.#where });
    this.#isUsable = true;
    this.#reason = '';
    if (denied !== null && denied !== this.#denied)
      this.#log('warn', 'redis denies a part of the heartbeat', { redis: this.#where, reason: denied });
    this.#denied = denied;
  }

  lost(reason: string): void {
    this.#warn('redis is not reachable; routing goes on with what is known', reason);
  }

  refused(reason: string): void {
    this.#warn('redis refuses the heartbeat; routing goes on with what is known', reason);
  }

  /** A heartbeat failed while the connection was lost, which was said. */
  missed(reason: string): void {
    this.#log('debug', 'a heartbeat could not be written', { redis: this.#where, reason });
  }

  #warn(message: string, reason: string): void {
    const isNews = this.#isUsable !== false || (needsOperator(reason) && reason !== this.#warned);
    if (isNews) this.#warned = reason;
    this.#log(isNews ? 'warn' : 'debug', message, { redis: this.#where, reason });
    this.#isUsable = false;
    this.#reason = reason;
  }
}
