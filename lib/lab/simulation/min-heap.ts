// A binary heap: values ordered by a numeric key, such as a time.

/** A heap that pops the least key first. */
export class MinHeap<Value> {
  readonly #keys: number[] = [];
  readonly #values: Value[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** The least key; Infinity when empty. */
  get least(): number {
    return this.#keys[0] ?? Number.POSITIVE_INFINITY;
  }

  /** The value at a place below `size`, in heap order. */
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

  /** Removes and returns the value with the least key; the heap must not be empty. */
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
