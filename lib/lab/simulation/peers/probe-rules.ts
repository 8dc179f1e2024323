// The rules that rank probed hosts: Prequal's hot/cold rule, a linear score and C3's. Each is a score, the least of which
// wins. Sources: Wydrowski and others, "Introducing Prequal", NSDI 2024, sections 4 and 5.2; Suresh, Canini, Schmid and
// Feldmann, "C3: Cutting Tail Latency in Cloud Data Stores via Adaptive Replica Selection", NSDI 2015, section 3.1.

import type { ProbeAnswer, ProbeRule } from './probe-pool.js';

/** Answers of which the quantile of requests in flight is taken. */
const SEEN = 128;

/** The quantile is taken anew after this number of answers. */
const REFRESH_EVERY = 8;

/** Added to the score of a hot host: above any latency. */
const HOT_MS = 1e9;

/** Prequal: of the cold hosts the fastest; if all are hot, the one with the fewest requests in flight. */
export class HotCold implements ProbeRule {
  readonly #quantile: number;
  readonly #seen = new Int32Array(SEEN);
  readonly #sorted = new Int32Array(SEEN);
  #seenCount = 0;
  #hotAbove = Number.POSITIVE_INFINITY;

  /** @param quantile of the requests in flight that were reported lately; a host with more is hot (the paper's Q_RIF) */
  constructor(quantile: number) {
    this.#quantile = quantile;
  }

  observe(inflight: number): void {
    this.#seen[this.#seenCount++ % SEEN] = inflight;
    if (this.#seenCount >= SEEN && this.#seenCount % REFRESH_EVERY !== 0) return;
    const count = Math.min(this.#seenCount, SEEN);
    const sorted = this.#sorted.subarray(0, count);
    sorted.set(this.#seen.subarray(0, count));
    sorted.sort();
    this.#hotAbove = sorted[Math.min(count - 1, Math.floor(this.#quantile * count))] as number;
  }

  scoreOf({ inflight, latencyMs }: ProbeAnswer): number {
    return inflight > this.#hotAbove ? HOT_MS + inflight : latencyMs;
  }
}

/** Half latency, half requests in flight; a request in flight counts as the response time of a lone request. */
export class Linear implements ProbeRule {
  readonly #aloneMs: number;

  /** @param aloneMs mean response time of a request that has a host to itself */
  constructor(aloneMs: number) {
    this.#aloneMs = aloneMs;
  }

  observe(): void {}

  scoreOf({ inflight, latencyMs }: ProbeAnswer): number {
    return 0.5 * latencyMs + 0.5 * this.#aloneMs * inflight;
  }
}

/**
 * C3: the service time, times the cube of the estimated queue. The estimate is 1 + the balancer's own requests there,
 * times the number of balancers, + what the host reported. A host that shares its processor has no queue but in flight,
 * so that its response time is its service time, and the first two terms of C3's score cancel out.
 */
export class C3 implements ProbeRule {
  readonly #balancers: number;

  constructor(balancers: number) {
    this.#balancers = balancers;
  }

  observe(): void {}

  scoreOf({ inflight, serviceMs }: ProbeAnswer, own: number): number {
    return (1 + own * this.#balancers + inflight) ** 3 * serviceMs;
  }
}
