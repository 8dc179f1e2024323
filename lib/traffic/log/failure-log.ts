// Remembers why requests were refused or failed, for `meercat why`. It holds no successful requests, so it reaches
// further back than the pick log. The oldest entries are dropped.

import type { Failure } from '../../explanation.js';

/** Number of failed requests that a balancer remembers. */
export const KEPT_FAILURES = 4096;

/** A request that was refused, or that had a failed attempt. */
export interface KeptFailures {
  /** When it arrived (process's clock). */
  readonly atMs: number;
  /** Its id, which may be one of a trusted client. */
  readonly id: string;
  /** Its class; empty if its head was not read. */
  readonly className: string;
  /** The code of the balancer's own answer; empty without one. */
  readonly code: string;
  /** In chronological order; not empty. */
  readonly failures: readonly Failure[];
}

/** The last requests that failed, by their numbers. */
export class FailureLog {
  readonly #size: number;
  /** Oldest first. */
  readonly #byRequest = new Map<number, KeptFailures>();

  /** @param size how many are kept */
  constructor(size = KEPT_FAILURES) {
    this.#size = size;
  }

  /** Adds a request. Call it at most once for each. */
  add(request: number, failed: KeptFailures): void {
    if (this.#byRequest.size >= this.#size) {
      for (const oldest of this.#byRequest.keys()) {
        this.#byRequest.delete(oldest);
        break;
      }
    }
    this.#byRequest.set(request, failed);
  }

  /** The request with this number; undefined if it succeeded or is forgotten. */
  get(request: number): KeptFailures | undefined {
    return this.#byRequest.get(request);
  }

  /** The number of the last request that had this id of a client; undefined if there is none, or it is forgotten. */
  numberOf(id: string): number | undefined {
    let found: number | undefined;
    for (const [request, failed] of this.#byRequest) if (failed.id === id) found = request;
    return found;
  }
}
