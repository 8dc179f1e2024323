// The connection to whatever server the Sentinels call master.

import type { RedisOptions } from 'ioredis';
import { Redis } from './ioredis.js';
import type { Subscription } from './subscription.js';

/**
 * The server that the Sentinels call master. In a failover that an operator asks for, the old master stays
 * one for seconds, and who listened to it alone would go on there: the Sentinels' word is quicker.
 * (ioredis's own failoverDetector prints a stack trace whenever a Sentinel can't be reached.)
 */
export class SentinelRedis extends Redis {
  readonly #word: Subscription;

  /** @param listen subscribes to what the Sentinels say of switches */
  constructor(options: RedisOptions & { readonly name: string }, listen: (onSwitch: (channel: string, text: string) => void) => Subscription) {
    super({ ...options, replyMapping: 'legacy' });
    this.#word = listen((_channel, text) => {
      if (text.startsWith(`${options.name} `)) this.disconnect(true);
    });
  }

  override disconnect(reconnect = false): void {
    // While it asks the Sentinels it is about to connect anew, and ioredis would end for good.
    if (reconnect && this.status === 'connecting') return;
    if (!reconnect) this.#word.close();
    super.disconnect(reconnect);
  }
}
