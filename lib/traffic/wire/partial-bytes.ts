// The first bytes of an element that is parsed only once it is complete. They are copied, since the read buffer is
// reused; the copy grows by half at least, so that small pieces do not make the copying quadratic.

const NOTHING = Buffer.alloc(0);

/** The bytes of an incomplete element. */
export class PartialBytes {
  #memory = NOTHING;
  #length = 0;

  /** How many bytes are kept. */
  get length(): number {
    return this.#length;
  }

  /** Appends these bytes and returns everything that is kept; valid until the next call. */
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

  /** Keeps these bytes from `offset` on. If they are all of what `append` returned, nothing is copied. */
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
