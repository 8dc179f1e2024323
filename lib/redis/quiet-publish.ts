// Publishing without an answer. What is published dozens of times a second is out of date before an answer to it
// would be read, and to wake up for the answer costs more than to publish. ioredis expects an answer to every
// command, so these are written past it to the same connection, each after CLIENT REPLY SKIP, which has no answer
// either (https://redis.io/docs/latest/commands/client-reply/).

import { type Commands, isCluster } from './connect.js';

/** More than so many bytes that wait to be written: Redis does not take them, and what is published later is worth more. */
const MAX_WAITING_BYTES = 1024 * 1024;

const SKIP = '*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n';

/** Publishes over a connection for commands, without answers where its server can (not: a Cluster, js-redis-server, a user without CLIENT). */
export class QuietPublisher {
  readonly #client: Commands;
  #isQuiet = false;

  constructor(client: Commands) {
    this.#client = client;
    client.on('close', () => {
      this.#isQuiet = false;
    });
    client.on('ready', () => void this.#ask());
    if (client.status === 'ready') void this.#ask();
  }

  /** Whether the connection takes something now. */
  get isReady(): boolean {
    const client = this.#client;
    return client.status === 'ready' && (isCluster(client) || (client.stream.writable && client.stream.writableLength < MAX_WAITING_BYTES));
  }

  /** Publishes, if the connection is ready. Whether Redis took it is not told. */
  publish(channel: string, text: string): void {
    const client = this.#client;
    if (!this.isReady) return;
    if (this.#isQuiet && !isCluster(client)) client.stream.write(`${SKIP}*3\r\n$7\r\nPUBLISH\r\n${bulk(channel)}${bulk(text)}`);
    else client.publish(channel, text).catch(() => undefined);
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
