// Hosts whose caches are cold after a restart: their requests cost more at first, and the excess decays exponentially.

/** How much more requests cost on each host. */
export class ColdCaches {
  /** Excess cost at the restart, as a share of the warm cost; 0: warm. */
  readonly #excess: Float64Array;
  readonly #sinceMs: Float64Array;
  readonly #warmMs: Float64Array;

  constructor(hosts: number) {
    this.#excess = new Float64Array(hosts);
    this.#sinceMs = new Float64Array(hosts);
    this.#warmMs = new Float64Array(hosts);
  }

  /** A host starts with cold caches: requests cost `factor` times as much, with the excess decaying with `warmMs`. */
  chill(host: number, factor: number, warmMs: number, nowMs: number): void {
    this.#excess[host] = factor - 1;
    this.#sinceMs[host] = nowMs;
    this.#warmMs[host] = warmMs;
  }

  /** The cost of a request on this host that starts now, as a multiple of that on a warm one. */
  factorOf(host: number, nowMs: number): number {
    const excess = this.#excess[host] as number;
    if (excess === 0) return 1;
    return 1 + excess * Math.exp(((this.#sinceMs[host] as number) - nowMs) / (this.#warmMs[host] as number));
  }
}
