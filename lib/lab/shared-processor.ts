// The CPU of a simulated host: exact processor sharing, in the time that it is handed. Each of n requests
// gets an equal part of the cores that are left, at most one whole core. It needs no real core: whoever
// drives it asks when the next request is done and looks again then, and if that is late, what was done
// meanwhile is still reckoned at its own time.

/** A request that is done. */
export interface Done<T> {
  readonly item: T;
  /** When it was done, which is before the time of looking. */
  readonly atMs: number;
}

/** What a processor has done so far, in core milliseconds; the difference of two readings is of the time between. */
export interface ProcessorMeter {
  /** Spent on requests. */
  readonly busyMs: number;
  /** Left to requests by the neighbours, used or not. */
  readonly availableMs: number;
  /** Taken by the neighbours. */
  readonly takenMs: number;
}

/** One simulated CPU. Times are in milliseconds of any one clock and never go back. */
export class SharedProcessor<T> {
  readonly cores: number;
  readonly speed: number;
  readonly #jobs: { readonly finish: number; readonly item: T }[] = [];
  #nowMs: number;
  #taken = 0;
  /** The work that every request which was there since the beginning would have got. */
  #attained = 0;
  #busyMs = 0;
  #availableMs = 0;
  #takenMs = 0;

  /** @param speed work that a core does in a millisecond: 1 is a core of usual speed */
  constructor(cores: number, speed: number, nowMs: number) {
    this.cores = cores;
    this.speed = speed;
    this.#nowMs = nowMs;
  }

  /** Requests that are being worked on, as of the last `advance`. */
  get inflight(): number {
    return this.#jobs.length;
  }

  /** Cores that the neighbours leave. */
  get available(): number {
    return this.cores - this.#taken;
  }

  get meter(): ProcessorMeter {
    return { busyMs: this.#busyMs, availableMs: this.#availableMs, takenMs: this.#takenMs };
  }

  /** Works until this time; gives what was done by then, in order. */
  advance(nowMs: number): Done<T>[] {
    const done: Done<T>[] = [];
    for (;;) {
      const next = this.#jobs.at(-1);
      const atMs = this.nextAtMs;
      if (next === undefined || atMs > nowMs) break;
      this.#work(atMs);
      // Not by the sum, which rounds.
      this.#attained = next.finish;
      this.#jobs.pop();
      done.push({ item: next.item, atMs });
    }
    this.#work(nowMs);
    return done;
  }

  /** Begins a request that needs so many milliseconds of a core of usual speed, at the time of the last `advance`. */
  add(workMs: number, item: T): void {
    const finish = this.#attained + workMs;
    // The last one is done first. There are few of them, and their order is kept.
    let [low, high] = [0, this.#jobs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#jobs[middle] as { finish: number }).finish > finish) low = middle + 1;
      else high = middle;
    }
    this.#jobs.splice(low, 0, { finish, item });
  }

  /** Neighbours take so many cores from the time of the last `advance` on. */
  setTaken(cores: number): void {
    this.#taken = Math.min(Math.max(cores, 0), this.cores);
  }

  /** When the next request is done, if none comes before; infinity when there is none, or no core. */
  get nextAtMs(): number {
    const next = this.#jobs.at(-1);
    return next === undefined ? Number.POSITIVE_INFINITY : this.#nowMs + (next.finish - this.#attained) / this.#rate;
  }

  /** Lets go of all requests; gives them. */
  clear(): T[] {
    return this.#jobs.splice(0).map(({ item }) => item);
  }

  /** The work that each request gets in a millisecond. */
  get #rate(): number {
    return this.speed * Math.min(1, this.available / this.#jobs.length);
  }

  #work(nowMs: number): void {
    const ms = nowMs - this.#nowMs;
    if (!(ms > 0)) return;
    if (this.#jobs.length > 0) this.#attained += this.#rate * ms;
    this.#busyMs += Math.min(this.#jobs.length, this.available) * ms;
    this.#availableMs += this.available * ms;
    this.#takenMs += this.#taken * ms;
    this.#nowMs = nowMs;
  }
}
