// The slowest requests of the last minute. Each second keeps its own slowest, so that those of the minute are exact when the
// older ones are forgotten. Bounded; pure.

import type { SlowRequest } from './fleet-figures.js';

/** Number of requests that are shown. */
const SLOWEST = 20;

const SECONDS = 60;

const bySlowness = (one: SlowRequest, other: SlowRequest): number => other.durationMs - one.durationMs;

/** Collects the slowest requests of a fleet. */
export class SlowMinute {
  /** Oldest first. */
  readonly #seconds: { readonly second: number; requests: readonly SlowRequest[] }[] = [];

  /** Takes requests that arrive in this second, a whole number that never falls. */
  add(second: number, requests: readonly SlowRequest[]): void {
    this.advance(second);
    if (requests.length === 0) return;
    const last = this.#seconds.at(-1);
    if (last?.second !== second) this.#seconds.push({ second, requests: slowestOf(requests) });
    else last.requests = slowestOf([...last.requests, ...requests]);
  }

  /** Forgets what is more than a minute old. */
  advance(second: number): void {
    while ((this.#seconds[0]?.second ?? second) <= second - SECONDS) this.#seconds.shift();
  }

  /** The slowest of the last minute, the slowest first. */
  get all(): readonly SlowRequest[] {
    return slowestOf(this.#seconds.flatMap(({ requests }) => requests));
  }
}

/** The slowest of these, the slowest first. */
export function slowestOf(requests: readonly SlowRequest[]): readonly SlowRequest[] {
  return requests.toSorted(bySlowness).slice(0, SLOWEST);
}
