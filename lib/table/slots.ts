// Who gives out the slots of the shared table: a slot that was given back is given out again first.

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
