// The jobs of one host in the order in which they will finish: a binary heap over typed arrays.

const FIRST_SIZE = 16;

/** Jobs by the attained service at which each is done. */
export class JobHeap {
  #keys = new Float64Array(FIRST_SIZE);
  #jobs = new Int32Array(FIRST_SIZE);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The least key; Infinity when it is empty. */
  get least(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#keys[0] as number);
  }

  /** The job at a place; every place below `size` holds one, in no order. */
  at(place: number): number {
    return this.#jobs[place] as number;
  }

  push(key: number, job: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    const keys = this.#keys;
    const jobs = this.#jobs;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((keys[parent] as number) <= key) break;
      keys[at] = keys[parent] as number;
      jobs[at] = jobs[parent] as number;
      at = parent;
    }
    keys[at] = key;
    jobs[at] = job;
  }

  /** Takes out the job with the least key. There must be one. */
  pop(): number {
    const keys = this.#keys;
    const jobs = this.#jobs;
    const least = jobs[0] as number;
    const size = --this.#size;
    const key = keys[size] as number;
    const job = jobs[size] as number;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && (keys[child + 1] as number) < (keys[child] as number)) child++;
      if ((keys[child] as number) >= key) break;
      keys[at] = keys[child] as number;
      jobs[at] = jobs[child] as number;
      at = child;
    }
    keys[at] = key;
    jobs[at] = job;
    return least;
  }

  clear(): void {
    this.#size = 0;
  }

  #grow(): void {
    const keys = new Float64Array(2 * this.#keys.length);
    const jobs = new Int32Array(keys.length);
    keys.set(this.#keys);
    jobs.set(this.#jobs);
    this.#keys = keys;
    this.#jobs = jobs;
  }
}
