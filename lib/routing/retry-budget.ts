// How many retries there may be: a share of the recent requests, so that a fleet whose hosts die is not
// hammered by its own balancers. Pure; time comes as an argument.
// Source: Finagle's retry budgets (a percentage over a sliding window, with a floor for little traffic).

/** The window in two halves: counts are of the last five to ten seconds. */
const HALF_MS = 5000;

/** So many retries within the window are always allowed. */
const FLOOR = 10;

/** A budget of retries. */
export class RetryBudget {
  readonly #share: number;
  #halfEndsMs = 0;
  #requests = 0;
  #retries = 0;
  #requestsBefore = 0;
  #retriesBefore = 0;

  /** @param percent retries as a percentage of the requests; 0 allows none at all */
  constructor(percent: number) {
    this.#share = percent / 100;
  }

  /** Counts one request. */
  onRequest(nowMs: number): void {
    if (nowMs >= this.#halfEndsMs) this.#turn(nowMs);
    this.#requests++;
  }

  /** Whether one more retry is within the budget; it is counted if so. */
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
