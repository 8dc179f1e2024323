// The server side of Prequal: each host's estimate of its latency at its present number of requests in flight, the median
// of what recent requests took that arrived at about that number. Samples age out after a few hundredths of a second;
// only a host without a young sample uses older ones.
// Source: Wydrowski, Kleinberg, Rumble and Archer, "Load is not what you should balance: Introducing Prequal", NSDI 2024,
// section 4.

import type { HostMachines } from '../host-machines.js';

/** Numbers of requests in flight that are told apart, and samples kept of each. */
const LEVELS = 64;
const SAMPLES = 8;

/** Age at which a sample no longer counts (the paper: hundredths of a second at most, at moderate rates). */
const YOUNG_MS = 50;

/** Weight of a new sample in a host's smoothed service time: about the last ten requests count. */
const NEW_SHARE = 0.1;

/** The latency estimates of all hosts. */
export class HostLatencies {
  /** Smoothed service time of each host, whatever it has in flight, as C3's servers report it; 0 if it has finished nothing. */
  readonly serviceMs: Float64Array;
  readonly #machines: HostMachines;
  readonly #tookMs: Float64Array;
  readonly #doneAtMs: Float64Array;
  readonly #counts: Int32Array;
  readonly #sorted = new Float64Array(SAMPLES);

  constructor(machines: HostMachines) {
    this.#machines = machines;
    this.serviceMs = new Float64Array(machines.count);
    this.#tookMs = new Float64Array(machines.count * LEVELS * SAMPLES);
    this.#doneAtMs = new Float64Array(machines.count * LEVELS * SAMPLES);
    this.#counts = new Int32Array(machines.count * LEVELS);
  }

  /** Records a completed request that found `behind` others on the host and took `tookMs`. */
  onDone(host: number, behind: number, tookMs: number, nowMs: number): void {
    const cell = host * LEVELS + Math.min(behind, LEVELS - 1);
    const count = this.#counts[cell] as number;
    const place = cell * SAMPLES + (count % SAMPLES);
    this.#tookMs[place] = tookMs;
    this.#doneAtMs[place] = nowMs;
    this.#counts[cell] = count + 1;
    const before = this.serviceMs[host] as number;
    this.serviceMs[host] = before === 0 ? tookMs : before + NEW_SHARE * (tookMs - before);
  }

  /** Estimated latency of a host at its present number of requests in flight, in ms; 0 if it has finished none. */
  latencyOf(host: number, nowMs: number): number {
    const young = this.#collect(host, nowMs - YOUNG_MS);
    const found = young > 0 ? young : this.#collect(host, Number.NEGATIVE_INFINITY);
    return found === 0 ? 0 : (this.#sorted[found >> 1] as number);
  }

  /** Sorts samples that are newer than `afterMs`, from the present level outwards until there are enough; returns their number. */
  #collect(host: number, afterMs: number): number {
    const level = Math.min(this.#machines.openOn(host), LEVELS - 1);
    let found = this.#addLevel(host, level, afterMs, 0);
    for (let away = 1; away < LEVELS && found < SAMPLES; away++) {
      found = this.#addLevel(host, level - away, afterMs, found);
      found = this.#addLevel(host, level + away, afterMs, found);
    }
    return found;
  }

  #addLevel(host: number, level: number, afterMs: number, found: number): number {
    if (level < 0 || level >= LEVELS) return found;
    const cell = host * LEVELS + level;
    const count = Math.min(this.#counts[cell] as number, SAMPLES);
    for (let i = 0; i < count && found < SAMPLES; i++) {
      if ((this.#doneAtMs[cell * SAMPLES + i] as number) <= afterMs) continue;
      this.#insert(this.#tookMs[cell * SAMPLES + i] as number, found++);
    }
    return found;
  }

  #insert(sample: number, count: number): void {
    const sorted = this.#sorted;
    let at = count;
    for (; at > 0 && (sorted[at - 1] as number) > sample; at--) sorted[at] = sorted[at - 1] as number;
    sorted[at] = sample;
  }
}
