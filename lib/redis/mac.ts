// HMAC-SHA256 of messages. For a short message two one-shot hashes cost two thirds of what node's createHmac does.
// Invariant: only hashes read the buffers in which keys are used; the one that all keys share holds none between calls.

import { createHash, hash, timingSafeEqual } from 'node:crypto';

/** The block of SHA-256. */
const BLOCK_BYTES = 64;

const DIGEST_BYTES = 32;

/** Characters of a MAC: 32 bytes as base64url. */
export const MAC_LENGTH = 43;

/** Maximum bytes of UTF-8 for one UTF-16 code unit. */
const MAX_UNIT_BYTES = 3;

/** A longer message is hashed in pieces, without a copy: there the calls cost little compared with the hash. */
const SHARED_BYTES = 32_768;

/** A key, ready for HMAC. */
export interface MacKey {
  /** The block that is hashed before the message. */
  readonly inner: Buffer;
  /** The block that is hashed before the inner hash, and space for that one. */
  readonly outer: Buffer;
}

/** Prepares a key of any length; one that is longer than a block is hashed (RFC 2104, section 2). */
export function macKeyOf(material: Buffer): MacKey {
  const short = material.length > BLOCK_BYTES ? createHash('sha256').update(material).digest() : material;
  const padded = (byte: number, bytes: number): Buffer => {
    // Not a part of the pool that small buffers share.
    const block = Buffer.alloc(bytes);
    for (let index = 0; index < BLOCK_BYTES; index++) block[index] = byte ^ (short[index] ?? 0);
    return block;
  };
  return { inner: padded(0x36, BLOCK_BYTES), outer: padded(0x5c, BLOCK_BYTES + DIGEST_BYTES) };
}

/** One for each thread: the inner block and a message. */
const SHARED = Buffer.alloc(SHARED_BYTES);

/** HMAC-SHA256 (RFC 2104) of `head` and `text`, both as UTF-8; in base64url, 43 characters. */
export function hmacSha256({ inner, outer }: MacKey, head: string, text: string): string {
  outer.write(innerHash(inner, head, text), BLOCK_BYTES, 'latin1');
  return hash('sha256', outer, 'base64url');
}

/** The inner hash, a character for each byte: a Buffer for it would cost as much as hashing a block. */
function innerHash(inner: Buffer, head: string, text: string): string {
  if (BLOCK_BYTES + (head.length + text.length) * MAX_UNIT_BYTES > SHARED_BYTES)
    return createHash('sha256').update(inner).update(head).update(text).digest('binary');
  SHARED.set(inner);
  let end = BLOCK_BYTES;
  end += SHARED.write(head, end);
  end += SHARED.write(text, end);
  const digest = hash('sha256', SHARED.subarray(0, end), 'binary');
  SHARED.fill(0, 0, BLOCK_BYTES);
  return digest;
}

/** Written anew by each comparison, and read at once. */
const [ONE, OTHER] = [Buffer.alloc(MAC_LENGTH), Buffer.alloc(MAC_LENGTH)];

/** Compares MACs in constant time. The texts are compared, not what they stand for: base64url has several texts for some bytes. */
export function isSameMac(one: string, other: string): boolean {
  if (one.length !== MAC_LENGTH || other.length !== MAC_LENGTH) return false;
  ONE.write(one, 'latin1');
  OTHER.write(other, 'latin1');
  return timingSafeEqual(ONE, OTHER);
}
