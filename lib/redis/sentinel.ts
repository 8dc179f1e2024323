// The connection to the server that the Sentinels report as master.

import type { RedisOptions } from 'ioredis';
import { Redis } from './ioredis.js';
import { needsOperator } from './reason.js';
import type { Subscription } from './subscription.js';
import type { ConnectionEvents } from './watch.js';

/**
 * A client of the master that the Sentinels report. In a manual failover the old master keeps its role for seconds, and
 * a client would stay connected to it: the Sentinels announce the switch earlier.
 * (ioredis's own failoverDetector prints a stack trace whenever a Sentinel is unreachable.)
 */
export class SentinelRedis extends Redis {
  readonly #switches: Subscription;
  /** Why a Sentinel rejects us; undefined while none does. */
  #refusal: string | undefined;

  /** @param listen subscribes to the Sentinels' switch announcements */
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
    // ioredis hides the errors of its internal Sentinel connections; the subscription's connections fail for the same reason.
    this.on('error', (error: Error) => {
      if (error.message.startsWith('All sentinels are unreachable')) Object.assign(error, { knownReason: this.#refusal });
    });
  }

  override disconnect(reconnect = false): void {
    // While it queries the Sentinels it is about to reconnect anyway, and ioredis would end permanently.
    if (reconnect && this.status === 'connecting') return;
    if (!reconnect) this.#switches.close();
    super.disconnect(reconnect);
  }
}
