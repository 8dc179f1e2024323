// The requests that are somewhere between arrival and end, as columns; a job is a place in them, used again when
// the request has ended.

const FIRST_SIZE = 4096;

/** All requests that have not ended. */
export class Jobs {
  #free: number[] = [];
  #next = 0;
  /** When the client sent it. */
  arrivedMs = new Float64Array(FIRST_SIZE);
  /** When it was sent to the host that has it. */
  sentMs = new Float64Array(FIRST_SIZE);
  /** The work that it is, in ms of CPU, and what its balancer takes it for. */
  cost = new Float64Array(FIRST_SIZE);
  expected = new Float64Array(FIRST_SIZE);
  class = new Int32Array(FIRST_SIZE);
  /** Who has it; -1 once its balancer has died. */
  balancer = new Int32Array(FIRST_SIZE);
  slot = new Int32Array(FIRST_SIZE);
  host = new Int32Array(FIRST_SIZE);
  attempts = new Int32Array(FIRST_SIZE);
  /** Requests that the host had already when this one came. */
  behind = new Int32Array(FIRST_SIZE);

  /** How many have not ended. */
  get open(): number {
    return this.#next - this.#free.length;
  }

  /** All places that were ever used; those that are free have balancer -2. */
  get end(): number {
    return this.#next;
  }

  /** A new request's place. */
  take(): number {
    const job = this.#free.pop() ?? this.#next++;
    if (job === this.cost.length) this.#grow();
    return job;
  }

  /** The request has ended. */
  release(job: number): void {
    this.balancer[job] = -2;
    this.#free.push(job);
  }

  #grow(): void {
    const wide = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(2 * column.length);
      grown.set(column);
      return grown;
    };
    const narrow = (column: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(2 * column.length);
      grown.set(column);
      return grown;
    };
    this.arrivedMs = wide(this.arrivedMs);
    this.sentMs = wide(this.sentMs);
    this.cost = wide(this.cost);
    this.expected = wide(this.expected);
    this.class = narrow(this.class);
    this.balancer = narrow(this.balancer);
    this.slot = narrow(this.slot);
    this.host = narrow(this.host);
    this.attempts = narrow(this.attempts);
    this.behind = narrow(this.behind);
  }
}
