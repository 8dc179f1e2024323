// How many connections clients may have, in all and each. A connection beyond the limit is refused and not counted.

import { plainAddress } from './trusted.js';

/**
 * Who an address is when connections are counted. An IPv6 client has a whole /64 to itself (RFC 6177): all of it
 * counts as one, or nobody would ever have two connections.
 */
function clientOf(address: string): string {
  const plain = plainAddress(address);
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined || before.length >= 4) return before.slice(0, 4).join(':');
  const after = tail === '' ? [] : tail.split(':');
  const zeros = 8 - before.length - after.length - (tail.includes('.') ? 1 : 0);
  return [...before, ...Array<string>(Math.max(0, zeros)).fill('0'), ...after].slice(0, 4).join(':');
}

/** Counts the connections of clients; each `open` that gave `ok` is followed by one `close` with the same address. */
export class ConnectionLimits {
  readonly #maxAll: number;
  readonly #maxPerClient: number;
  readonly #isTrusted: (address: string) => boolean;
  /** Those of each client that has one; those that are trusted are not among them. */
  readonly #perClient = new Map<string, number>();
  #count = 0;

  /**
   * @param maxPerClient 0: no limit
   * @param isTrusted proxies in front: their connections are those of many clients, and count only in all
   */
  constructor(maxAll: number, maxPerClient: number, isTrusted: (address: string) => boolean) {
    this.#maxAll = maxAll;
    this.#maxPerClient = maxPerClient;
    this.#isTrusted = isTrusted;
  }

  /** Connections that are open. */
  get count(): number {
    return this.#count;
  }

  /** Clients that have a connection, those that are trusted excepted; 0 when there is no limit for each. */
  get clients(): number {
    return this.#perClient.size;
  }

  /** Lets a connection in, or says which limit is reached: that of `all`, or that of this `client`. */
  open(address: string): 'ok' | 'all' | 'client' {
    if (this.#count >= this.#maxAll) return 'all';
    if (this.#maxPerClient > 0 && !this.#isTrusted(address)) {
      const client = clientOf(address);
      const open = this.#perClient.get(client) ?? 0;
      if (open >= this.#maxPerClient) return 'client';
      this.#perClient.set(client, open + 1);
    }
    this.#count++;
    return 'ok';
  }

  /** A connection that was let in has ended. */
  close(address: string): void {
    if (this.#count > 0) this.#count--;
    if (this.#maxPerClient === 0 || this.#isTrusted(address)) return;
    const client = clientOf(address);
    const open = this.#perClient.get(client) ?? 0;
    if (open > 1) this.#perClient.set(client, open - 1);
    else this.#perClient.delete(client);
  }
}
