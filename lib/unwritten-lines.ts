// How many lines a stream was given that it has not written yet: when the file is given up, these are lost, and must be
// counted. The stream itself says only how many bytes each write took.

/** The lines that a stream holds, in batches. */
export class UnwrittenLines {
  /** Oldest first. */
  readonly #batches: { readonly lines: number; readonly bytes: number; leftBytes: number }[] = [];
  #bytes = 0;

  /** Bytes given and not written yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a batch that the stream is about to get. */
  push(lines: number, bytes: number): void {
    this.#batches.push({ lines, bytes, leftBytes: bytes });
    this.#bytes += bytes;
  }

  /** Takes the last batch back: the stream refused it. */
  pop(): void {
    this.#bytes -= this.#batches.pop()?.bytes ?? 0;
  }

  /** Takes note that the stream wrote this much. */
  wrote(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes - bytes);
    let left = bytes;
    let done = 0;
    for (const batch of this.#batches) {
      const taken = Math.min(left, batch.leftBytes);
      batch.leftBytes -= taken;
      left -= taken;
      if (batch.leftBytes > 0) break;
      done++;
    }
    this.#batches.splice(0, done);
  }

  /** Gives up all; returns how many lines are lost. Of a batch that was written in part they are a share, rounded up. */
  giveUp(): number {
    let lost = 0;
    for (const { lines, bytes, leftBytes } of this.#batches) lost += Math.ceil((lines * leftBytes) / bytes);
    this.#batches.length = 0;
    this.#bytes = 0;
    return lost;
  }
}
