// Allocates the slots of the shared table; released slots are reused first. The allocator does not outlive the fleet
// thread: its successor is given the slots in use.

/** A host and its slot, as other threads need them: whatever is not a number goes by message. */
export interface SlotHost {
  readonly slot: number;
  readonly name: string;
  readonly url: string;
  /** As of `StaticHost`. */
  readonly authority?: string | undefined;
}

/** The slots of one table. */
export class Slots {
  readonly #count: number;
  readonly #free: number[] = [];
  #next: number;

  /** @param used the slots in use; all others are free */
  constructor(count: number, used: readonly number[] = []) {
    const isUsed = new Set(used);
    this.#count = count;
    this.#next = 1 + Math.max(-1, ...used);
    // Reversed, so that the lowest slot is allocated first.
    for (let slot = this.#next - 1; slot >= 0; slot--) if (!isUsed.has(slot)) this.#free.push(slot);
  }

  /** Allocates a slot; undefined when all are in use. */
  take(): number | undefined {
    return this.#free.pop() ?? (this.#next < this.#count ? this.#next++ : undefined);
  }

  /** Releases a slot that nothing uses any more. */
  giveBack(slot: number): void {
    this.#free.push(slot);
  }
}
