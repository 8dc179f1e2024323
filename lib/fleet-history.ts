// The last 15 minutes of a fleet's traffic in points of 5 s, and the last minute of each host second by second, for charts.
// A new master goes on from what the last one stored. Bounded; pure.

import { MINUTE, SECOND } from './clock.js';
import type { HistoryPoint, SparseCounts, StoredView } from './fleet-figures.js';
import { addSparse, quantilesOf } from './sparse-latency.js';
import { LATENCY_BUCKETS } from './table/latency-buckets.js';

/** Length of a point, in seconds. */
export const POINT_SECONDS = 5;

/** Number of points: 15 minutes. */
export const MAX_POINTS = (15 * 60) / POINT_SECONDS;

/** Seconds of a host. */
export const HOST_SECONDS = 60;

/** Hosts whose seconds are kept. */
export const MAX_HISTORY_HOSTS = 1000;

/** The history of one fleet. */
export class FleetHistory {
  #points: HistoryPoint[] = [];
  /** Requests a second, oldest first, of each host. */
  readonly #hosts = new Map<string, number[]>();
  /** Of the point that is being filled. */
  readonly #latency = new Uint32Array(LATENCY_BUCKETS);
  #total = 0;
  #rpsSum = 0;
  #errorSum = 0;
  #seconds = 0;

  /** Counts latencies of requests. */
  add(latency: SparseCounts): void {
    addSparse(this.#latency, latency);
    for (let at = 1; at < latency.length; at += 2) this.#total += latency[at] as number;
  }

  /**
   * Ends a second; call once in each.
   * @param atMs the wall clock
   */
  tick(atMs: number, rps: number, errorRps: number): void {
    this.#rpsSum += rps;
    this.#errorSum += errorRps;
    if (++this.#seconds < POINT_SECONDS) return;
    this.#points.push({
      atMs,
      rps: this.#rpsSum / POINT_SECONDS,
      errorRps: this.#errorSum / POINT_SECONDS,
      ...quantilesOf(this.#latency, this.#total),
    });
    if (this.#points.length > MAX_POINTS) this.#points.shift();
    this.#latency.fill(0);
    this.#total = this.#rpsSum = this.#errorSum = this.#seconds = 0;
  }

  /** Ends a second of a host; one that had no traffic in a minute is dropped. */
  tickHost(name: string, rps: number): void {
    let seconds = this.#hosts.get(name);
    if (seconds === undefined) {
      if (this.#hosts.size >= MAX_HISTORY_HOSTS || rps === 0) return;
      this.#hosts.set(name, (seconds = []));
    }
    seconds.push(rps);
    if (seconds.length > HOST_SECONDS) seconds.shift();
    if (rps === 0 && seconds.every((each) => each === 0)) this.#hosts.delete(name);
  }

  /** Drops a host. */
  forgetHost(name: string): void {
    this.#hosts.delete(name);
  }

  get points(): readonly HistoryPoint[] {
    return this.#points;
  }

  get hostRps(): StoredView['hostRps'] {
    return [...this.#hosts];
  }

  /**
   * Goes on from a stored view.
   * @param atMs the wall clock: what is older than the history is left out
   */
  seed({ history, hostRps, figures }: StoredView, atMs: number): void {
    const since = atMs - MAX_POINTS * POINT_SECONDS * SECOND;
    const earlier = history.filter((point) => point.atMs >= since && point.atMs <= atMs);
    this.#points = [...earlier, ...this.#points].slice(-MAX_POINTS);
    if (!(atMs - figures.atMs < MINUTE)) return;
    for (const [name, seconds] of hostRps) {
      if (this.#hosts.size >= MAX_HISTORY_HOSTS) break;
      this.#hosts.set(name, [...seconds, ...(this.#hosts.get(name) ?? [])].slice(-HOST_SECONDS));
    }
  }
}
