// The requests between arrival and end, as columns; a job is an index into them, reused after the request has ended.

const FIRST_SIZE = 4096;

/** All requests that have not ended. */
export class Jobs {
  #free: number[] = [];
  #next = 0;
  /** When the client sent it. */
  arrivedMs = new Float64Array(FIRST_SIZE);
  /** When it was sent to its current host. */
  sentMs = new Float64Array(FIRST_SIZE);
  /** Its actual work in ms of CPU, and its balancer's estimate. */
  cost = new Float64Array(FIRST_SIZE);
  expected = new Float64Array(FIRST_SIZE);
  class = new Int32Array(FIRST_SIZE);
  /** Its balancer and host; the balancer is -1 once it has died. */
  balancer = new Int32Array(FIRST_SIZE);
  slot = new Int32Array(FIRST_SIZE);
  host = new Int32Array(FIRST_SIZE);
  attempts = new Int32Array(FIRST_SIZE);
  /** Requests already on the host when this one arrived. */
  behind = new Int32Array(FIRST_SIZE);

  /** Number of requests that have not ended. */
  get open(): number {
    return this.#next - this.#free.length;
  }

  /** Number of indexes ever used; free ones have balancer -2. */
  get end(): number {
    return this.#next;
  }

  /** Allocates a job. */
  take(): number {
    const job = this.#free.pop() ?? this.#next++;
    if (job === this.cost.length) this.#grow();
    return job;
  }

  /** Frees a job after its request has ended. */
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
