// How many connections clients may have, in all and each. A connection beyond the limit is refused and not counted.

import { plainAddress } from './trusted.js';

/**
 * The client that an address counts for. An IPv6 client has a whole /64 to itself (RFC 6177) and could use a new address
 * for every connection, so a /64 counts as one client.
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

/** Counts the connections of clients; each `open` that returned `ok` must be followed by one `close` with the same address. */
export class ConnectionLimits {
  readonly #maxAll: number;
  readonly #maxPerClient: number;
  readonly #isTrusted: (address: string) => boolean;
  /** Open connections by client; trusted proxies are not counted here. */
  readonly #perClient = new Map<string, number>();
  #count = 0;

  /**
   * @param maxPerClient 0: no limit
   * @param isTrusted proxies in front: they carry many clients, so their connections count only towards `maxAll`
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

  /** Clients with an open connection, not counting trusted proxies; 0 without a limit per client. */
  get clients(): number {
    return this.#perClient.size;
  }

  /** Admits a connection, or says which limit is reached: that of `all`, or that of this `client`. */
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

  /** A connection that was admitted has ended. */
  close(address: string): void {
    if (this.#count > 0) this.#count--;
    if (this.#maxPerClient === 0 || this.#isTrusted(address)) return;
    const client = clientOf(address);
    const open = this.#perClient.get(client) ?? 0;
    if (open > 1) this.#perClient.set(client, open - 1);
    else this.#perClient.delete(client);
  }
}
