// The CPU of a simulated host: exact processor sharing, driven by an external clock. Each of n requests gets an equal
// share of the available cores, at most one core. It uses no real CPU: the caller asks when the next request completes
// and calls again then; if that call is late, completions still get their exact times.

/** A completed request. */
export interface Done<T> {
  readonly item: T;
  /** Time of completion; can be earlier than the call. */
  readonly atMs: number;
}

/** Cumulative counters in core milliseconds; use the difference of two readings. */
export interface ProcessorMeter {
  /** Spent on requests. */
  readonly busyMs: number;
  /** Available to requests, used or not. */
  readonly availableMs: number;
  /** Taken by the neighbours. */
  readonly takenMs: number;
}

/** One simulated CPU. Times are in milliseconds of any monotonic clock. */
export class SharedProcessor<T> {
  readonly cores: number;
  readonly speed: number;
  readonly #jobs: { readonly finish: number; readonly item: T }[] = [];
  #nowMs: number;
  #taken = 0;
  /** Attained service: the work that a request present since the start would have received. */
  #attained = 0;
  #busyMs = 0;
  #availableMs = 0;
  #takenMs = 0;

  /** @param speed work per millisecond of a core; 1 is normal */
  constructor(cores: number, speed: number, nowMs: number) {
    this.cores = cores;
    this.speed = speed;
    this.#nowMs = nowMs;
  }

  /** Requests in service, as of the last `advance`. */
  get inflight(): number {
    return this.#jobs.length;
  }

  /** Cores available to requests. */
  get available(): number {
    return this.cores - this.#taken;
  }

  get meter(): ProcessorMeter {
    return { busyMs: this.#busyMs, availableMs: this.#availableMs, takenMs: this.#takenMs };
  }

  /** Advances to this time; returns the requests completed by then, in order. */
  advance(nowMs: number): Done<T>[] {
    const done: Done<T>[] = [];
    for (;;) {
      const next = this.#jobs.at(-1);
      const atMs = this.nextAtMs;
      if (next === undefined || atMs > nowMs) break;
      this.#work(atMs);
      // Set it exactly: the sum has rounding errors.
      this.#attained = next.finish;
      this.#jobs.pop();
      done.push({ item: next.item, atMs });
    }
    this.#work(nowMs);
    return done;
  }

  /** Adds a request of this work (milliseconds of a core of speed 1) at the time of the last `advance`. */
  add(workMs: number, item: T): void {
    const finish = this.#attained + workMs;
    // Sorted with the earliest completion last; insertion is cheap, as there are few.
    let [low, high] = [0, this.#jobs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#jobs[middle] as { finish: number }).finish > finish) low = middle + 1;
      else high = middle;
    }
    this.#jobs.splice(low, 0, { finish, item });
  }

  /** Sets the cores taken by neighbours, from the time of the last `advance` on. */
  setTaken(cores: number): void {
    this.#taken = Math.min(Math.max(cores, 0), this.cores);
  }

  /** Time of the next completion without new arrivals; Infinity without requests or cores. */
  get nextAtMs(): number {
    const next = this.#jobs.at(-1);
    return next === undefined ? Number.POSITIVE_INFINITY : this.#nowMs + (next.finish - this.#attained) / this.#rate;
  }

  /** Removes all requests; returns them. */
  clear(): T[] {
    return this.#jobs.splice(0).map(({ item }) => item);
  }

  /** Work per request and millisecond. */
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
