// The connection to whatever server the Sentinels call master.

import type { RedisOptions } from 'ioredis';
import { Redis } from './ioredis.js';
import { needsOperator } from './reason.js';
import type { Subscription } from './subscription.js';
import type { ConnectionEvents } from './watch.js';

/**
 * The server that the Sentinels call master. In a failover that an operator asks for, the old master stays
 * one for seconds, and who listened to it alone would go on there: the Sentinels announce the switch sooner.
 * (ioredis's own failoverDetector prints a stack trace whenever a Sentinel can't be reached.)
 */
export class SentinelRedis extends Redis {
  readonly #switches: Subscription;
  /** Why a Sentinel does not let us in, while one does not. */
  #refusal: string | undefined;

  /** @param listen subscribes to the switches that the Sentinels announce */
  constructor(
    options: RedisOptions & { readonly name: string },
    listen: (onSwitch: (channel: string, text: string) => void, events: ConnectionEvents) => Subscription,
  ) {
    super({ ...options, replyMapping: 'legacy' });
    const onSwitch = (_channel: string, text: string): void => {
      if (text.startsWith(`${options.name} `)) this.disconnect(true);
    };
    this.#switches = listen(onSwitch, {
      onReady: () => (this.#refusal = undefined),
      onLost: (reason) => {
        if (needsOperator(reason)) this.#refusal = reason;
      },
    });
    // ioredis keeps to itself why its own connections to Sentinels failed; the subscription's fail for the same reason.
    this.on('error', (error: Error) => {
      if (error.message.startsWith('All sentinels are unreachable')) Object.assign(error, { knownReason: this.#refusal });
    });
  }

  override disconnect(reconnect = false): void {
    // While it asks the Sentinels it is about to connect anew, and ioredis would end for good.
    if (reconnect && this.status === 'connecting') return;
    if (!reconnect) this.#switches.close();
    super.disconnect(reconnect);
  }
}
