// A retry budget: retries are limited to a percentage of recent requests, so that balancers don't hammer a fleet whose
// hosts are dying. Pure; time is an argument. Source: Finagle's retry budgets (a percentage over a sliding window, with
// a floor for little traffic).

/** Half of the window: counts cover the last five to ten seconds. */
const HALF_MS = 5000;

/** Minimum number of retries allowed within the window. */
const FLOOR = 10;

/** A retry budget. */
export class RetryBudget {
  readonly #share: number;
  #halfEndsMs = 0;
  #requests = 0;
  #retries = 0;
  #requestsBefore = 0;
  #retriesBefore = 0;

  /** @param percent retries as a percentage of requests; 0 allows none */
  constructor(percent: number) {
    this.#share = percent / 100;
  }

  /** Counts one request. */
  onRequest(nowMs: number): void {
    if (nowMs >= this.#halfEndsMs) this.#turn(nowMs);
    this.#requests++;
  }

  /** Whether the budget allows one more retry; counts it if so. */
  mayRetry(nowMs: number): boolean {
    if (nowMs >= this.#halfEndsMs) this.#turn(nowMs);
    if (this.#share === 0) return false;
    const allowed = Math.max(FLOOR, this.#share * (this.#requests + this.#requestsBefore));
    if (this.#retries + this.#retriesBefore >= allowed) return false;
    this.#retries++;
    return true;
  }

  #turn(nowMs: number): void {
    const isNext = nowMs < this.#halfEndsMs + HALF_MS;
    this.#requestsBefore = isNext ? this.#requests : 0;
    this.#retriesBefore = isNext ? this.#retries : 0;
    this.#requests = this.#retries = 0;
    this.#halfEndsMs = nowMs + HALF_MS;
  }
}
