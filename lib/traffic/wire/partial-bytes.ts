// The beginning of something that is read once all of it has come. What was read from may be used again, so it is
// copied; memory grows by half at least, so that small pieces do not make the copying quadratic.

const NOTHING = Buffer.alloc(0);

/** The bytes of an element that is not whole yet. */
export class PartialBytes {
  #memory = NOTHING;
  #length = 0;

  /** How many bytes are kept. */
  get length(): number {
    return this.#length;
  }

  /** What is kept, with these bytes behind it; valid until the next call. */
  append(bytes: Buffer): Buffer {
    const length = this.#length + bytes.length;
    if (length > this.#memory.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, this.#length + (this.#length >> 1)));
      this.#memory.copy(grown, 0, 0, this.#length);
      this.#memory = grown;
    }
    bytes.copy(this.#memory, this.#length);
    this.#length = length;
    return this.#memory.subarray(0, length);
  }

  /** Keeps these bytes from an offset on. When they are what `append` gave, and all of them, they stay where they are. */
  keep(bytes: Buffer, offset: number): void {
    const length = bytes.length - offset;
    if (offset > 0 || this.#length === 0) this.#memory = length === 0 ? NOTHING : Buffer.from(bytes.subarray(offset));
    this.#length = length;
  }

  /** Keeps nothing. */
  drop(): void {
    this.#memory = NOTHING;
    this.#length = 0;
  }
}
