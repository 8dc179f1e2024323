// Reads the key that a pool hashes from a request: its path, a header, a cookie, a query parameter, or the client's
// address; as it was written, without decoding and without copies.

import type { HashKey } from '../site-model.js';
import { cookieAt, cookieEnd } from './cookies.js';
import { TextHash } from './text-hash.js';

/** The key of one pool; `hi` and `lo` are the hash of the last key read. */
export class AffinityKey extends TextHash {
  readonly #of: HashKey['of'];
  readonly #name: string;

  constructor(key: HashKey) {
    super();
    this.#of = key.of;
    this.#name = 'name' in key ? (key.of === 'header' ? key.name.toLowerCase() : key.name) : '';
  }

  /**
   * Hashes the key of a request. False without one: the header, cookie or parameter is missing or empty; then the policy
   * picks. Of several, the first counts.
   * @param target as the client wrote it
   * @param headers name, value, name, value, …
   * @param client the client's address
   */
  read(target: string, headers: readonly string[], client: string): boolean {
    switch (this.#of) {
      case 'path':
        return this.#takeFrom(target, 0, pathEnd(target));
      case 'client':
        return this.#takeFrom(client, 0, client.length);
      case 'query':
        return this.#readQuery(target);
      case 'header':
        return this.#readHeader(headers);
      case 'cookie':
        return this.#readCookie(headers);
    }
  }

  #readHeader(headers: readonly string[]): boolean {
    for (let i = 0; i < headers.length; i += 2) {
      if (!isNamed(headers[i] as string, this.#name)) continue;
      const value = headers[i + 1] as string;
      return this.#takeFrom(value, 0, value.length);
    }
    return false;
  }

  /** A client of HTTP/2 may send its cookies in several fields (RFC 9113, section 8.2.3). */
  #readCookie(headers: readonly string[]): boolean {
    for (let i = 0; i < headers.length; i += 2) {
      if (!isNamed(headers[i] as string, 'cookie')) continue;
      const header = headers[i + 1] as string;
      const start = cookieAt(header, this.#name);
      if (start >= 0) return this.#takeFrom(header, start, cookieEnd(header, start));
    }
    return false;
  }

  #readQuery(target: string): boolean {
    const name = this.#name;
    for (let at = pathEnd(target) + 1; at < target.length; ) {
      const value = at + name.length + 1;
      const next = target.indexOf('&', at);
      const end = next < 0 ? target.length : next;
      if (value <= end && target.charCodeAt(value - 1) === 0x3d && target.startsWith(name, at)) return this.#takeFrom(target, value, end);
      at = end + 1;
    }
    return false;
  }

  #takeFrom(text: string, from: number, to: number): boolean {
    if (to <= from) return false;
    this.take(text, from, to);
    return true;
  }
}

/** Where the path of a target ends: at its query, or its end. */
function pathEnd(target: string): number {
  const at = target.indexOf('?');
  return at < 0 ? target.length : at;
}

/** Whether a header's name is this one, which is in lower case. */
function isNamed(header: string, name: string): boolean {
  if (header.length !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const code = header.charCodeAt(i);
    if ((code >= 0x41 && code <= 0x5a ? code | 0x20 : code) !== name.charCodeAt(i)) return false;
  }
  return true;
}
