// The measurements of one run: latencies of the requests after the warm-up, utilization of the hosts, and latencies in
// windows after the scenario's events. Exact: no rounding, no sampling.

import { percentile } from '../statistics.js';
import type { HostMachines } from './host-machines.js';
import { hostCountOf, type Scenario, type ScenarioEvent } from './scenario.js';

/** Latencies are shown for this long after a lasting event, */
const WINDOWS_FOR_MS = 10_000;

/** and for this long before it. */
const WINDOWS_BEFORE_MS = 1000;

/** A summary of latencies, in ms; NaN if nothing was measured. */
export interface Latencies {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
}

/** CPU use of the hosts over the measured time. */
export interface CpuUse {
  readonly mean: number;
  readonly highest: number;
  /** Maximum over mean. */
  readonly ratio: number;
}

/** Streams opened in the measured time. */
export interface StreamCounts {
  readonly count: number;
  /** Most of them on one host, */
  readonly highest: number;
  /** and relative to the mean. */
  readonly ratio: number;
}

/** Latencies of the requests that arrived within one window, over all events. */
export interface Window {
  /** Start of the window relative to the event; negative before it. */
  readonly fromMs: number;
  readonly count: number;
  readonly p99: number;
}

/** Collects the figures of one run. */
export class Measure {
  readonly #fromMs: number;
  readonly #windowMs: number;
  readonly #events: readonly number[];
  readonly #windows: number[][] = [];
  readonly #windowsForMs: number;
  #latencies = new Float64Array(1 << 16);
  #count = 0;
  /** Streams opened, by host. */
  #streams: Int32Array;
  #startBusyMs: Float64Array | undefined;
  #startPresentMs: Float64Array | undefined;
  #cpu: CpuUse = { mean: Number.NaN, highest: Number.NaN, ratio: Number.NaN };

  constructor(scenario: Scenario) {
    const { warmUpMs, windowMs, events } = scenario;
    this.#streams = new Int32Array(hostCountOf(scenario));
    this.#fromMs = warmUpMs;
    this.#windowMs = windowMs;
    this.#events = events.map(({ atMs }) => atMs);
    // For events that are undone soon, show only the time before that.
    const gaps = this.#events.slice(1).map((atMs, i) => atMs - (this.#events[i] as number));
    this.#windowsForMs = Math.min(
      WINDOWS_FOR_MS,
      ...gaps.map((gap) => gap - WINDOWS_BEFORE_MS),
      ...events.map((event) => Math.max(undoneAfterMs(event), windowMs)),
    );
    if (windowMs > 0 && events.length > 0) {
      const count = Math.ceil((this.#windowsForMs + WINDOWS_BEFORE_MS) / windowMs);
      this.#windows = Array.from({ length: count }, () => []);
    }
  }

  /** Records a request that arrived at `arrivedMs` and took `latencyMs`. */
  record(arrivedMs: number, latencyMs: number): void {
    if (arrivedMs < this.#fromMs) return;
    if (this.#count === this.#latencies.length) {
      const grown = new Float64Array(2 * this.#count);
      grown.set(this.#latencies);
      this.#latencies = grown;
    }
    this.#latencies[this.#count++] = latencyMs;
    if (this.#windows.length > 0) this.#recordWindow(arrivedMs, latencyMs);
  }

  /** Records that a request which arrived at `arrivedMs` has become a stream. */
  onStream(host: number, arrivedMs: number): void {
    if (arrivedMs >= this.#fromMs) this.#streams[host] = (this.#streams[host] as number) + 1;
  }

  /** Starts measuring after the warm-up. */
  start(machines: HostMachines, nowMs: number): void {
    for (let host = 0; host < machines.count; host++) machines.advance(host, nowMs);
    this.#startBusyMs = machines.busyMs.slice();
    this.#startPresentMs = machines.presentMs.slice();
  }

  /** Ends the measurement at the last arrival. */
  finish(machines: HostMachines, nowMs: number): void {
    for (let host = 0; host < machines.count; host++) machines.advance(host, nowMs);
    const [busy, present] = [this.#startBusyMs, this.#startPresentMs];
    if (busy === undefined || present === undefined) return;
    const use: number[] = [];
    for (const [host, busyMs] of machines.busyMs.entries()) {
      const coreMs = ((machines.presentMs[host] as number) - (present[host] as number)) * (machines.cores[host] as number);
      if (coreMs > 0) use.push((busyMs - (busy[host] as number)) / coreMs);
    }
    const mean = use.reduce((sum, each) => sum + each, 0) / use.length;
    const highest = Math.max(...use);
    this.#cpu = { mean, highest, ratio: highest / mean };
  }

  /** The streams opened; null without any. */
  get streams(): StreamCounts | null {
    const count = this.#streams.reduce((sum, each) => sum + each, 0);
    const highest = Math.max(...this.#streams);
    return count === 0 ? null : { count, highest, ratio: (highest * this.#streams.length) / count };
  }

  get cpu(): CpuUse {
    return this.#cpu;
  }

  /** The latencies measured, sorted. */
  sorted(): Float64Array {
    return this.#latencies.subarray(0, this.#count).toSorted();
  }

  windows(): Window[] {
    return this.#windows.map((latencies, index) => ({
      fromMs: index * this.#windowMs - WINDOWS_BEFORE_MS,
      count: latencies.length,
      p99: percentile(Float64Array.from(latencies).toSorted(), 0.99),
    }));
  }

  #recordWindow(arrivedMs: number, latencyMs: number): void {
    for (const eventMs of this.#events) {
      const sinceMs = arrivedMs - eventMs;
      if (sinceMs < -WINDOWS_BEFORE_MS || sinceMs >= this.#windowsForMs) continue;
      this.#windows[Math.floor((sinceMs + WINDOWS_BEFORE_MS) / this.#windowMs)]?.push(latencyMs);
      return;
    }
  }
}

/** Time after which nothing of an event is left: that of a restart and of new hosts lasts. */
function undoneAfterMs({ what, forMs }: ScenarioEvent): number {
  return what === 'hosts-restart' || what === 'hosts-join' || what === 'hosts-leave' ? Number.POSITIVE_INFINITY : forMs;
}

/** Summarizes sorted latencies. */
export function latenciesOf(sorted: Float64Array): Latencies {
  const at = (fraction: number): number => percentile(sorted, fraction);
  let sum = 0;
  for (const each of sorted) sum += each;
  return { count: sorted.length, mean: sum / sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) };
}
