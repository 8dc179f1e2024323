// Publishing without an answer. What is published dozens of times a second is out of date before an answer to it
// would be read, and to wake up for the answer costs more than to publish. ioredis expects an answer to every
// command, so these are written past it to the same connection, each after CLIENT REPLY SKIP, which has no answer
// either (https://redis.io/docs/latest/commands/client-reply/).

import type { Log } from '../log.js';
import { type Commands, isCluster, isDenial, reasonOf } from './connect.js';

/** More than so many bytes that wait to be written: Redis does not take them, and what is published later is worth more. */
const MAX_WAITING_BYTES = 1024 * 1024;

const SKIP = '*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n';

/**
 * Publishes over a connection for commands, without answers where its server can (not: a Cluster, js-redis-server, a
 * user without CLIENT). It listens to the client for good: make one for each client.
 */
export class QuietPublisher {
  readonly #client: Commands;
  readonly #log: Log;
  #isQuiet = false;
  /** The channels that this connection was seen to be allowed: a denial would not be answered. */
  readonly #allowed = new Set<string>();
  readonly #denied = new Set<string>();

  constructor(client: Commands, log: Log) {
    this.#client = client;
    this.#log = log;
    client.on('close', () => {
      this.#isQuiet = false;
      this.#allowed.clear();
    });
    client.on('ready', () => void this.#ask());
    if (client.status === 'ready') void this.#ask();
  }

  /** Whether the connection takes something now. */
  get isReady(): boolean {
    const client = this.#client;
    return client.status === 'ready' && (isCluster(client) || (client.stream.writable && client.stream.writableLength < MAX_WAITING_BYTES));
  }

  /** Publishes, if the connection is ready. Whether Redis took it is not told, but that a channel is denied is logged once. */
  publish(channel: string, text: string): void {
    const client = this.#client;
    if (!this.isReady) return;
    if (this.#isQuiet && !isCluster(client) && this.#allowed.has(channel)) {
      client.stream.write(`${SKIP}*3\r\n$7\r\nPUBLISH\r\n${bulk(channel)}${bulk(text)}`);
      return;
    }
    client.publish(channel, text).then(
      () => {
        this.#allowed.add(channel);
        this.#denied.delete(channel);
      },
      (error: unknown) => this.#failed(channel, reasonOf(error)),
    );
  }

  #failed(channel: string, reason: string): void {
    if (!isDenial(reason) || this.#denied.has(channel)) return;
    this.#denied.add(channel);
    this.#log('warn', 'redis denies what is published', { channel, reason });
  }

  /** CLIENT REPLY ON changes nothing, and who knows it knows SKIP. */
  async #ask(): Promise<void> {
    const client = this.#client;
    if (isCluster(client)) return;
    const { stream } = client;
    const reply = await client.call('CLIENT', 'REPLY', 'ON').catch(() => null);
    // Not when it was connected anew meanwhile: that is asked for itself.
    if (client.stream === stream) this.#isQuiet = reply === 'OK';
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
