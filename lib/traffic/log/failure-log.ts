// Remembers why requests were refused or failed, for `meercat why`. Requests that went well are not in it, and so it
// reaches further back than the log of picks. What is old is forgotten.

import type { Failure } from '../../explanation.js';

/** How many requests that failed a balancer remembers. */
export const KEPT_FAILURES = 4096;

/** A request that was refused, or of which a try failed. */
export interface KeptFailures {
  /** When it came (process's clock). */
  readonly atMs: number;
  /** Its class; empty when its head was not read. */
  readonly className: string;
  /** The code of the answer that the balancer made; empty when there was none. */
  readonly code: string;
  /** In the order in which they happened; not empty. */
  readonly failures: readonly Failure[];
}

/** The last requests that failed, by their numbers. */
export class FailureLog {
  readonly #size: number;
  /** The oldest comes first. */
  readonly #byRequest = new Map<number, KeptFailures>();

  /** @param size how many are kept */
  constructor(size = KEPT_FAILURES) {
    this.#size = size;
  }

  /** Keeps one; to be called once for each request. */
  add(request: number, failed: KeptFailures): void {
    if (this.#byRequest.size >= this.#size) {
      for (const oldest of this.#byRequest.keys()) {
        this.#byRequest.delete(oldest);
        break;
      }
    }
    this.#byRequest.set(request, failed);
  }

  /** The request of this number; undefined when it went well or is forgotten. */
  get(request: number): KeptFailures | undefined {
    return this.#byRequest.get(request);
  }
}
