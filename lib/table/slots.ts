// Who gives out the slots of the shared table: a slot that was given back is given out again first. Nothing of this
// outlives the fleet thread; the next one is told which slots are in use, and all others are free.

/** A host and its slot, as the other threads must know them: what is not a number goes by message. */
export interface SlotHost {
  readonly slot: number;
  readonly name: string;
  readonly url: string;
}

/** The slots of one table. */
export class Slots {
  readonly #count: number;
  readonly #free: number[] = [];
  #next: number;

  /** @param used the slots that are in use already; all others are free */
  constructor(count: number, used: readonly number[] = []) {
    const isUsed = new Set(used);
    this.#count = count;
    this.#next = 1 + Math.max(-1, ...used);
    // The lowest is given out first, as from the beginning.
    for (let slot = this.#next - 1; slot >= 0; slot--) if (!isUsed.has(slot)) this.#free.push(slot);
  }

  /** A slot that nothing uses; undefined when all are in use. */
  take(): number | undefined {
    return this.#free.pop() ?? (this.#next < this.#count ? this.#next++ : undefined);
  }

  /** Nothing uses this slot any more. */
  giveBack(slot: number): void {
    this.#free.push(slot);
  }
}
