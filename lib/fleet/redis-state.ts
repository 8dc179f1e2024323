// Logs whether the fleet's Redis is usable: once per change, and once per reason that an operator must fix, however
// often it recurs.

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import { needsOperator } from '../redis/connect.js';

/** The state of one Redis, as last logged. */
export class RedisState {
  readonly #log: Log;
  readonly #where: string;
  readonly #clock: Clock;
  /** Whether Redis accepted the last heartbeat; undefined before the first. */
  #isUsable: boolean | undefined;
  #warned: string | undefined;
  #denied: string | null = null;
  #reason = '';
  #downSinceMs: number | null = null;

  /** @param where the address, without secrets */
  constructor(log: Log, where: string, clock: Clock) {
    this.#clock = clock;
    this.#log = log;
    this.#where = where;
  }

  /** Why Redis is unusable; '' while it is usable. */
  get reason(): string {
    return this.#reason;
  }

  /** Whether Redis accepted the last heartbeat; false before the first. */
  get isUsable(): boolean {
    return this.#isUsable === true;
  }

  /** Since when it can't be used; null while it can, and before the first heartbeat. */
  get downSinceMs(): number | null {
    return this.#downSinceMs;
  }

  /** Redis accepted a heartbeat; `denied` says which part of it the user may not write. */
  taken(denied: string | null): void {
    if (this.#isUsable !== true) this.#log('info', 'redis is reachable', { redis: this.#where });
    this.#isUsable = true;
    this.#reason = '';
    this.#downSinceMs = null;
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

  /** A heartbeat failed while the connection was lost, which is logged already. */
  missed(reason: string): void {
    this.#log('debug', 'a heartbeat could not be written', { redis: this.#where, reason });
  }

  #warn(message: string, reason: string): void {
    const isNews = this.#isUsable !== false || (needsOperator(reason) && reason !== this.#warned);
    if (isNews) this.#warned = reason;
    this.#log(isNews ? 'warn' : 'debug', message, { redis: this.#where, reason });
    this.#isUsable = false;
    this.#downSinceMs ??= this.#clock();
    this.#reason = reason;
  }
}
