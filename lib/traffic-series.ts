// One line of figures over a fleet: a pool, a host, or everything. The last second is the sum of what each balancer last
// said, since their seconds do not begin together; the windows count messages as they arrive. Pure.

import type { SparseCounts, Windows } from './fleet-figures.js';
import { LatencyWindow } from './latency-window.js';
import { addSparse, quantilesOf } from './sparse-latency.js';
import { LATENCY_BUCKETS } from './table/latency-buckets.js';

/** The steps of both windows. */
export interface WindowSteps {
  readonly minute: readonly [steps: number, stepSeconds: number];
  readonly quarterHour: readonly [steps: number, stepSeconds: number];
}

/** Pools and the total: within 2 %. */
export const FINE_STEPS: WindowSteps = { minute: [60, 1], quarterHour: [60, 15] };

/** Hosts, of which there may be thousands: within 10 %, in a few kB for each. */
export const COARSE_STEPS: WindowSteps = { minute: [10, 6], quarterHour: [10, 90] };

/** What one balancer said last, as this series counts it. */
export interface Said {
  /** Per second. */
  readonly rps: number;
  readonly errorRps: number;
  readonly inflight: number;
  readonly latency: SparseCounts;
}

/** One series. */
export class TrafficSeries {
  /** Of the pool or host; '' for everything. */
  readonly name: string;
  readonly minute: LatencyWindow;
  readonly quarterHour: LatencyWindow;
  /** Errors of the last minute; as many steps as its latencies. */
  readonly #errors: RecentCount;
  #second: Uint32Array | undefined;
  #secondTotal = 0;
  #rps = 0;
  #errorRps = 0;
  #inflight = 0;
  /** Number of balancers whose last message counts here. */
  #sayers = 0;

  constructor(name: string, { minute, quarterHour }: WindowSteps) {
    this.name = name;
    this.minute = new LatencyWindow(...minute);
    this.quarterHour = new LatencyWindow(...quarterHour);
    this.#errors = new RecentCount(...minute);
  }

  /** Whether nothing of it is left to show. */
  get isOver(): boolean {
    return this.#sayers === 0 && this.minute.total === 0 && this.quarterHour.total === 0;
  }

  get rps(): number {
    return Math.max(0, this.#rps);
  }

  get errorRps(): number {
    return Math.max(0, this.#errorRps);
  }

  get inflight(): number {
    return this.#inflight;
  }

  /** Errors per second over the last minute. */
  get minuteErrorRps(): number {
    return this.#errors.total / 60;
  }

  /** Counts a message in all windows. */
  take(said: Said, errors: number, second: number): void {
    this.minute.add(second, said.latency);
    this.quarterHour.add(second, said.latency);
    this.#errors.add(second, errors);
    this.#say(said, 1);
  }

  /** The balancer has said something later, or is forgotten: this counts as the last second no more. */
  withdraw(said: Said): void {
    this.#say(said, -1);
  }

  #say({ rps, errorRps, inflight, latency }: Said, sign: 1 | -1): void {
    this.#sayers += sign;
    this.#inflight += sign * inflight;
    // Sums that come back to nothing do so exactly.
    this.#rps = this.#sayers === 0 ? 0 : this.#rps + sign * rps;
    this.#errorRps = this.#sayers === 0 ? 0 : this.#errorRps + sign * errorRps;
    if (latency.length === 0) return;
    this.#second ??= new Uint32Array(LATENCY_BUCKETS);
    addSparse(this.#second, latency, sign);
    for (let at = 1; at < latency.length; at += 2) this.#secondTotal += sign * (latency[at] as number);
  }

  /** Moves on to a second. */
  advance(second: number): void {
    this.minute.advance(second);
    this.quarterHour.advance(second);
    this.#errors.advance(second);
  }

  windows(): Windows {
    return {
      second: quantilesOf(this.#second ?? [], this.#secondTotal),
      minute: this.minute.quantiles(),
      quarterHour: this.quarterHour.quantiles(),
    };
  }
}

/** A count over a window of equal steps, as `LatencyWindow`. */
class RecentCount {
  readonly #stepSeconds: number;
  readonly #steps: Float64Array;
  #newest = Number.NEGATIVE_INFINITY;
  total = 0;

  constructor(steps: number, stepSeconds: number) {
    this.#stepSeconds = stepSeconds;
    this.#steps = new Float64Array(steps);
  }

  add(second: number, count: number): void {
    this.advance(second);
    const at = this.#newest % this.#steps.length;
    this.#steps[at] = (this.#steps[at] as number) + count;
    this.total += count;
  }

  advance(second: number): void {
    const step = Math.floor(second / this.#stepSeconds);
    const { length } = this.#steps;
    for (let each = Math.max(0, this.#newest + 1, step - length + 1); each <= step; each++) {
      this.total -= this.#steps[each % length] as number;
      this.#steps[each % length] = 0;
    }
    this.#newest = Math.max(this.#newest, step);
  }
}
