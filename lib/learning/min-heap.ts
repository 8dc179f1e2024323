// Things in the order of a number, such as a time: a binary heap.

/** A heap; the least key comes out first. */
export class MinHeap<Value> {
  readonly #keys: number[] = [];
  readonly #values: Value[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** The least key; Infinity when the heap is empty. */
  get least(): number {
    return this.#keys[0] ?? Number.POSITIVE_INFINITY;
  }

  /** What is at a place; every place below `size` holds something, in no order. */
  at(place: number): Value {
    return this.#values[place] as Value;
  }

  clear(): void {
    this.#keys.length = this.#values.length = 0;
  }

  push(key: number, value: Value): void {
    const [keys, values] = [this.#keys, this.#values];
    let at = keys.push(key) - 1;
    values.push(value);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((keys[parent] as number) <= key) break;
      keys[at] = keys[parent] as number;
      values[at] = values[parent] as Value;
      at = parent;
    }
    keys[at] = key;
    values[at] = value;
  }

  /** Takes out what has the least key. There must be something. */
  pop(): Value {
    const [keys, values] = [this.#keys, this.#values];
    const first = values[0] as Value;
    const key = keys.pop() as number;
    const value = values.pop() as Value;
    const { length } = keys;
    if (length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= key) break;
      keys[at] = keys[child] as number;
      values[at] = values[child] as Value;
      at = child;
    }
    keys[at] = key;
    values[at] = value;
    return first;
  }
}
