// Hashes of texts for affinity: 64 bits as two 32-bit words, the same on every machine, from a range of characters
// without a copy of it. Not for secrets: whoever knows the texts can compute them.

/**
 * A hash as two signed 32-bit words, which V8 keeps as small integers, unlike unsigned ones. One object is used again and
 * again, so that hashing allocates nothing.
 */
export class TextHash {
  hi = 0;
  lo = 0;

  /**
   * Hashes the characters of `text` from `from` up to `to`. Two multiplicative hashes, whose words are then mixed (cyrb53,
   * with the finaliser of MurmurHash3).
   */
  take(text: string, from = 0, to = text.length): void {
    let one = 0xdeadbeef | 0;
    let two = 0x41c6ce57;
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      one = Math.imul(one ^ code, 0x9e3779b1);
      two = Math.imul(two ^ code, 0x5f356495);
    }
    one = Math.imul(one ^ (one >>> 16), 0x85ebca6b) ^ Math.imul(two ^ (two >>> 13), 0xc2b2ae35);
    two = Math.imul(two ^ (two >>> 16), 0x85ebca6b) ^ Math.imul(one ^ (one >>> 13), 0xc2b2ae35);
    this.hi = two;
    this.lo = one;
  }
}

/** Mixes a key's hash with a host's: 32 bits, unsigned, as if drawn at random for each pair. */
export function pairHash(keyHi: number, keyLo: number, hostHi: number, hostLo: number): number {
  let mixed = Math.imul(keyHi ^ hostHi, 0x9e3779b1) ^ keyLo ^ hostLo;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
