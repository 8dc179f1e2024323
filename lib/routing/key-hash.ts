// A 64-bit hash of a key of a rate limit, such as a client's address, without allocation. Keyed by a seed that all balancers
// share, so that they mean the same key by the same number, and a client that does not know it can't choose collisions. Not
// cryptographic: MurmurHash3 (Appleby, x86, 32 bits) twice, with two seeds.

/** Hashes texts; the result of the last one is in `high` and `low`. */
export class KeyHash {
  high = 0;
  low = 0;
  #seedHigh = 0;
  #seedLow = 0;

  /** @param seedHigh and `seedLow`: 64 bits, the same at all balancers */
  constructor(seedHigh: number, seedLow: number) {
    this.reseed(seedHigh, seedLow);
  }

  /** Texts have other hashes from now on. */
  reseed(seedHigh: number, seedLow: number): void {
    this.#seedHigh = seedHigh | 0;
    this.#seedLow = seedLow | 0;
  }

  /** Hashes a text of a limit. The same text under two limits gives different hashes. */
  hash(limit: number, text: string): void {
    this.high = murmur(text, this.#seedHigh ^ Math.imul(limit + 1, 0x9e3779b1));
    this.low = murmur(text, this.#seedLow ^ Math.imul(limit + 1, 0x85ebca77) ^ 0x5bd1e995);
  }
}

/** A hash as 16 hex digits, as messages have it. */
export function keyOf(high: number, low: number): string {
  return (high >>> 0).toString(16).padStart(8, '0') + (low >>> 0).toString(16).padStart(8, '0');
}

/** MurmurHash3 of UTF-16 units, one per block. */
function murmur(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) {
    let block = Math.imul(text.charCodeAt(at), 0xcc9e2d51);
    block = Math.imul((block << 15) | (block >>> 17), 0x1b873593);
    hash ^= block;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= text.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
