// Publishes without replies. Messages sent dozens of times a second are stale before a reply could be read, and waking
// up for the reply costs more than publishing. ioredis expects a reply to every command, so these commands bypass it and
// are written to its connection directly, each after CLIENT REPLY SKIP, which has no reply either
// (https://redis.io/docs/latest/commands/client-reply/).

import type { Log } from '../log.js';
import { type Commands, isCluster, isDenial, reasonOf } from './connect.js';

/** Maximum unsent bytes: beyond this Redis is not reading, and messages are dropped in favour of later ones. */
const MAX_WAITING_BYTES = 1024 * 1024;

const SKIP = '*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n';

/**
 * Publishes over a command connection, without replies if the server supports it (not: a Cluster, js-redis-server, a
 * user without CLIENT). Its listeners on the client are never removed: create one per client.
 */
export class QuietPublisher {
  readonly #client: Commands;
  readonly #log: Log;
  #isQuiet = false;
  /** Channels that this connection is known to be permitted: without replies a denial would go unnoticed. */
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

  /** Whether the connection accepts messages now. */
  get isReady(): boolean {
    const client = this.#client;
    return client.status === 'ready' && (isCluster(client) || (client.stream.writable && client.stream.writableLength < MAX_WAITING_BYTES));
  }

  /** Publishes if the connection is ready. Delivery is not confirmed; a denied channel is logged once. */
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

  /** Probes with CLIENT REPLY ON, a no-op: a server that supports it supports SKIP too. */
  async #ask(): Promise<void> {
    const client = this.#client;
    if (isCluster(client)) return;
    const { stream } = client;
    const reply = await client.call('CLIENT', 'REPLY', 'ON').catch(() => null);
    // Ignore the result after a reconnect: the new connection is probed on its own.
    if (client.stream === stream) this.#isQuiet = reply === 'OK';
  }
}

function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}
