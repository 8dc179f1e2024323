// Sticky cookies: the balancer names a request's host in a cookie, so that the client's next requests come to the same
// host, through whichever balancer. Invariants: a client cannot make, change or carry over a cookie (it is signed for this
// fleet, pool and name), nor learn from it what the host is; reading is linear in the headers, and computes no MAC for
// a value that was verified lately.

import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { cookieAt, cookieEnd } from '../../routing/cookies.js';
import type { Count } from '../../table/counters.js';

/** What sticky cookies of one pool need. */
export interface StickyOptions {
  /** At least one. The first signs; all are accepted, so that a new one can replace another while its cookies live. */
  readonly secrets: readonly Buffer[];
  /** The fleet's namespace. */
  readonly fleet: string;
  readonly pool: string;
  /** The cookie's name, a token. */
  readonly name: string;
  /** How long a cookie is good for; null: until the client's session ends. */
  readonly ttlMs: number | null;
  readonly count: Count;
}

/** What `read` gives when a request has no cookie that names a host of the pool. */
export const STICKY = { none: -1, forged: -2, expired: -3, gone: -4 } as const;

/**
 * The value in bytes: version (1), the host's token (6), when it expires (4; seconds since 1970, 0: never), MAC (16). A
 * multiple of three bytes: each value has one base64url form only.
 */
const VERSION = 1;
const TOKEN_AT = 1;
const TOKEN_BYTES = 6;
const EXPIRY_AT = TOKEN_AT + TOKEN_BYTES;
const MAC_AT = EXPIRY_AT + 4;
const MAC_BYTES = 16;
const VALUE_BYTES = MAC_AT + MAC_BYTES;
const VALUE_CHARS = (VALUE_BYTES / 3) * 4;

/** Maximum expiry that fits, in 2106. */
const MAX_EXPIRY = 0xffff_ffff;

/** Maximum cookies of the name that are verified for one request: bounds what a header full of forged ones costs. */
const MAX_CHECKS = 4;

/** Verified values that are remembered; a power of two. */
const KNOWN_VALUES = 1024;

/** The digit that each character stands for in base64url; 255: none. */
const DIGITS = new Uint8Array(128).fill(255);
for (const [digit, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].entries())
  DIGITS[char.charCodeAt(0)] = digit;

/** One secret, as this pool uses it. */
interface Signing {
  readonly key: KeyObject;
  /** The slots of hosts' tokens. */
  readonly slotOf: Map<number, number>;
  /** The tokens of hosts by slot. */
  readonly tokenOf: Map<number, number>;
}

/** The sticky cookies of one pool. */
export class StickyCookie {
  /** Whether the client should get a new cookie for the host that `read` gave: it is half over, or was signed before a change of secret or ttl. */
  isRenewalDue = false;
  readonly #name: string;
  readonly #ttlSeconds: number;
  readonly #count: Count;
  readonly #signings: readonly Signing[];
  readonly #value = Buffer.alloc(VALUE_BYTES);
  /** Values that were verified, each with the index of its secret + 1; at an index taken from their MAC. */
  readonly #known = new Uint8Array(KNOWN_VALUES * (VALUE_BYTES + 1));

  constructor({ secrets, fleet, pool, name, ttlMs, count }: StickyOptions) {
    this.#name = name;
    this.#ttlSeconds = ttlMs === null ? 0 : Math.ceil(ttlMs / 1000);
    this.#count = count;
    // A key of its own for each fleet, pool and name: what one signs is forged for all others.
    const scope = JSON.stringify(['meercat sticky cookie', fleet, pool, name]);
    this.#signings = secrets.map((secret) => ({
      key: createSecretKey(createHmac('sha256', secret).update(scope).digest()),
      slotOf: new Map(),
      tokenOf: new Map(),
    }));
  }

  /** A host of the pool, by its id (lib/host-id.ts), has this slot. A later slot of the same id replaces the earlier one. */
  addHost(slot: number, id: string): void {
    for (const { key, slotOf, tokenOf } of this.#signings) {
      // No value begins with this letter.
      const token = createHmac('sha256', key).update(`host ${id}`).digest().readUIntBE(0, TOKEN_BYTES);
      slotOf.set(token, slot);
      tokenOf.set(slot, token);
    }
  }

  /** The host of this slot has left the pool. */
  removeHost(slot: number): void {
    for (const { slotOf, tokenOf } of this.#signings) {
      const token = tokenOf.get(slot);
      tokenOf.delete(slot);
      if (token !== undefined && slotOf.get(token) === slot) slotOf.delete(token);
    }
  }

  /**
   * The slot of the host that a request's cookie names, or a value of `STICKY`; counts what is wrong. Whether that host may
   * be picked is the caller's question. Of several cookies of the name, the first that is good counts.
   * @param headers name, value, name, value, …
   * @param nowMs wall-clock time, which balancers share
   * @param isCounted false: only looked at
   */
  read(headers: readonly string[], nowMs: number, isCounted = true): number {
    let result: number = STICKY.none;
    let checks = 0;
    this.isRenewalDue = false;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (name.length !== 6 || name.toLowerCase() !== 'cookie') continue;
      const header = headers[i + 1] as string;
      for (let at = cookieAt(header, this.#name); at >= 0 && checks < MAX_CHECKS; checks++) {
        const end = cookieEnd(header, at);
        const read = this.#readValue(header, at, end, nowMs);
        if (read >= 0) return read;
        if (result === STICKY.none) result = read;
        at = cookieAt(header, this.#name, end);
      }
    }
    if (!isCounted) return result;
    if (result === STICKY.forged) this.#count('sticky_forged');
    else if (result === STICKY.expired) this.#count('sticky_expired');
    else if (result === STICKY.gone) this.#count('sticky_gone');
    return result;
  }

  /**
   * The value of a Set-Cookie field that names the host of this slot; undefined if it has left the pool.
   * @param isHttps whether the client uses https
   */
  setCookie(slot: number, nowMs: number, isHttps: boolean): string | undefined {
    const { key, tokenOf } = this.#signings[0] as Signing;
    const token = tokenOf.get(slot);
    if (token === undefined) return undefined;
    const value = Buffer.alloc(VALUE_BYTES);
    const expiry = this.#ttlSeconds === 0 ? 0 : Math.min(Math.floor(nowMs / 1000) + this.#ttlSeconds, MAX_EXPIRY);
    value[0] = VERSION;
    value.writeUIntBE(token, TOKEN_AT, TOKEN_BYTES);
    value.writeUInt32BE(expiry, EXPIRY_AT);
    macOf(key, value).copy(value, MAC_AT, 0, MAC_BYTES);
    const attributes = `; Path=/; HttpOnly; SameSite=Lax${isHttps ? '; Secure' : ''}`;
    return `${this.#name}=${value.toString('base64url')}${attributes}${this.#ttlSeconds === 0 ? '' : `; Max-Age=${this.#ttlSeconds}`}`;
  }

  #readValue(header: string, from: number, to: number, nowMs: number): number {
    const value = this.#value;
    if (to - from !== VALUE_CHARS || !decode(header, from, value) || value[0] !== VERSION) return STICKY.forged;
    const secret = this.#secretOf(value);
    if (secret < 0) return STICKY.forged;
    const expiry = value.readUInt32BE(EXPIRY_AT);
    const left = expiry - nowMs / 1000;
    if (expiry !== 0 && left <= 0) return STICKY.expired;
    const slot = (this.#signings[secret] as Signing).slotOf.get(value.readUIntBE(TOKEN_AT, TOKEN_BYTES)) ?? STICKY.gone;
    const ttl = this.#ttlSeconds;
    this.isRenewalDue = slot >= 0 && (secret > 0 || (ttl === 0 ? expiry !== 0 : expiry === 0 || left < ttl / 2 || left > ttl + 1));
    return slot;
  }

  /** The index of the secret that signed the value; -1: none did. */
  #secretOf(value: Buffer): number {
    const at = (value.readUInt16BE(MAC_AT) & (KNOWN_VALUES - 1)) * (VALUE_BYTES + 1);
    const known = this.#known;
    let difference = 0;
    for (let i = 0; i < VALUE_BYTES; i++) difference |= (known[at + i] as number) ^ (value[i] as number);
    if (difference === 0) return (known[at + VALUE_BYTES] as number) - 1;
    for (const [index, { key }] of this.#signings.entries()) {
      if (!timingSafeEqual(macOf(key, value).subarray(0, MAC_BYTES), value.subarray(MAC_AT))) continue;
      known.set(value, at);
      known[at + VALUE_BYTES] = index + 1;
      return index;
    }
    return -1;
  }
}

/** The MAC of a value's first bytes; HMAC-SHA-256, of which 16 bytes are used. */
function macOf(key: KeyObject, value: Buffer): Buffer {
  return createHmac('sha256', key).update(value.subarray(0, MAC_AT)).digest();
}

/** Decodes base64url without a string of its own; false if a character is not of it. */
function decode(text: string, from: number, value: Buffer): boolean {
  let invalid = 0;
  for (let at = from, byte = 0; byte < VALUE_BYTES; at += 4, byte += 3) {
    const a = digitAt(text, at);
    const b = digitAt(text, at + 1);
    const c = digitAt(text, at + 2);
    const d = digitAt(text, at + 3);
    invalid |= a | b | c | d;
    value[byte] = (a << 2) | (b >> 4);
    value[byte + 1] = (b << 4) | (c >> 2);
    value[byte + 2] = (c << 6) | d;
  }
  return invalid < 64;
}

/** The digit of a character; 255 if it is none. */
function digitAt(text: string, at: number): number {
  return DIGITS[text.charCodeAt(at)] ?? 255;
}
