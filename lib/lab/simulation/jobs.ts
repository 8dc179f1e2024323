// The requests between arrival and end, as columns; a job is an index into them, reused after the request has ended.

const FIRST_SIZE = 4096;

/** Balancer of a request whose balancer has died, and of an index that is free. */
export const DEAD_BALANCER = -1;
const FREE = -2;

const TIMES = ['arrivedMs', 'sentMs', 'doneMs', 'cost', 'part', 'expected', 'waitMs', 'heldMs', 'streamMs'] as const;
const WHOLE = ['class', 'balancer', 'client', 'slot', 'host', 'attempts', 'behind', 'phase', 'turn'] as const;

/** All requests that have not ended. */
export class Jobs {
  #free: number[] = [];
  #next = 0;
  /** When the client sent it. */
  arrivedMs = new Float64Array(FIRST_SIZE);
  /** When it was sent to its current host. */
  sentMs = new Float64Array(FIRST_SIZE);
  /** When the host had done its work. */
  doneMs = new Float64Array(FIRST_SIZE);
  /** Its actual work in ms of CPU on a warm host, and its balancer's estimate. */
  cost = new Float64Array(FIRST_SIZE);
  expected = new Float64Array(FIRST_SIZE);
  /** The part of its work that it does without a pause, on its current host. */
  part = new Float64Array(FIRST_SIZE);
  /** Time that it waits after half of its work, that its client needs to read, and that it stays open as a stream; 0: none. */
  waitMs = new Float64Array(FIRST_SIZE);
  heldMs = new Float64Array(FIRST_SIZE);
  streamMs = new Float64Array(FIRST_SIZE);
  class = new Int32Array(FIRST_SIZE);
  /** Its balancer and host; the balancer is -1 once it has died. */
  balancer = new Int32Array(FIRST_SIZE);
  /** Its client; -1 if clients are all alike. */
  client = new Int32Array(FIRST_SIZE);
  /** Its host's slot; -1 while it waits for its balancer. */
  slot = new Int32Array(FIRST_SIZE);
  host = new Int32Array(FIRST_SIZE);
  attempts = new Int32Array(FIRST_SIZE);
  /** Requests already on the host when this one arrived. */
  behind = new Int32Array(FIRST_SIZE);
  /** What it does at the moment (requests.ts), and a number that changes when what was scheduled for it is void. */
  phase = new Int32Array(FIRST_SIZE);
  turn = new Int32Array(FIRST_SIZE);

  /** Number of requests that have not ended. */
  get open(): number {
    return this.#next - this.#free.length;
  }

  /** Number of indexes ever used. */
  get end(): number {
    return this.#next;
  }

  /** Whether an index below `end` is that of a request that has not ended. */
  isOpen(job: number): boolean {
    return this.balancer[job] !== FREE;
  }

  /** Allocates a job. */
  take(): number {
    const job = this.#free.pop() ?? this.#next++;
    if (job === this.cost.length) this.#grow();
    return job;
  }

  /** Frees a job after its request has ended. */
  release(job: number): void {
    this.balancer[job] = FREE;
    this.#free.push(job);
  }

  #grow(): void {
    const size = 2 * this.cost.length;
    for (const name of TIMES) {
      const grown = new Float64Array(size);
      grown.set(this[name]);
      this[name] = grown;
    }
    for (const name of WHOLE) {
      const grown = new Int32Array(size);
      grown.set(this[name]);
      this[name] = grown;
    }
  }
}
