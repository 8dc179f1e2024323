// Hash tables whose keys are known in advance and whose look-ups build no string: open addressing over 32-bit hashes.
// Equal hashes prove nothing: whoever looks up compares the key itself, so that a constructed collision has no effect.

/** The hash of nothing (FNV-1a). */
export const EMPTY_HASH = 0x811c9dc5 | 0;

/** The hash of a sequence and one more code. */
export function hashWith(hash: number, code: number): number {
  return Math.imul(hash ^ code, 0x01000193);
}

/** The hash of all codes of a text. */
export function hashOf(text: string, start = EMPTY_HASH): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = hashWith(hash, text.charCodeAt(i));
  return hash;
}

/** The hash of a key that has a part outside its text, such as the host of a path; also spreads it over all bits. */
export function keyHash(hash: number, part: number): number {
  let mixed = Math.imul(hash ^ Math.imul(part + 1, 0x9e3779b1), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x297a2d39);
  return mixed ^ (mixed >>> 13);
}

/** Entries by hash. */
export class HashSlots {
  readonly #mask: number;
  /** Pairs of hash and entry; an entry of -1 is free. */
  readonly #slots: Int32Array;

  /** @param hashes of the entries 0, 1, 2, …; several may have one hash */
  constructor(hashes: readonly number[]) {
    const size = 2 ** Math.ceil(Math.log2(2 * hashes.length + 2));
    this.#mask = size - 1;
    this.#slots = new Int32Array(2 * size).fill(-1);
    for (const [entry, hash] of hashes.entries()) {
      let at = this.first(hash);
      while (this.entryAt(at) >= 0) at = this.after(at);
      this.#slots[2 * at] = hash;
      this.#slots[2 * at + 1] = entry;
    }
  }

  /** Where a look-up begins. */
  first(hash: number): number {
    return hash & this.#mask;
  }

  /** Where a look-up goes on. */
  after(at: number): number {
    return (at + 1) & this.#mask;
  }

  /** The entry there; -1 ends the look-up. */
  entryAt(at: number): number {
    return this.#slots[2 * at + 1] as number;
  }

  /** Whether the entry there has this hash. */
  hasHash(at: number, hash: number): boolean {
    return this.#slots[2 * at] === hash;
  }
}
