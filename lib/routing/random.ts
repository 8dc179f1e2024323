// A small seeded random number generator: fast, without allocation, the same on every machine. Not for secrets.

/** A stream of random integers (xorshift32; Marsaglia, "Xorshift RNGs", 2003). */
export class Random {
  #state: number;

  /** @param seed any integer; the same seed gives the same stream */
  constructor(seed: number) {
    // Mix the seed (the finaliser of MurmurHash3), so that seeds 1, 2, 3 give unrelated streams; 0 is a fixed point of
    // xorshift.
    let mixed = (seed | 0) ^ 0x9e3779b9;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    this.#state = mixed ^ (mixed >>> 16) || 1;
  }

  /** Returns an integer in [0, bound), uniform to within 2^-32; 1 ≤ `bound` ≤ 2^32. */
  below(bound: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    // Truncates, as Math.floor would: but its result is a float, which V8 checks before it indexes with it.
    return (((state >>> 0) / 4294967296) * bound) >>> 0;
  }
}
