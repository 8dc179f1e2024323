// Who gives out the slots of the shared table: a slot that was given back is given out again first.

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

  /** @param next the first slot that was never given out */
  constructor(count: number, next: number) {
    this.#count = count;
    this.#next = next;
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
