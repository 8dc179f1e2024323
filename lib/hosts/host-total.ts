// One host summed over all balancers: requests in flight, completion rate, and the evidence from which its capacity is
// learned.

import type { SpeedEvidence, HostFigures } from '../model.js';
import { type CapacityState, type FleetSpeeds, startCapacity, updateCapacity } from '../learning/capacity.js';

/** Weight of the newest second in the moving average of the rate. */
const RATE_WEIGHT = 0.5;

/** A lower rate is shown as zero. */
const MIN_RATE = 0.05;

/** Capacities are published again when they changed by this fraction. */
const PUBLISHED_CHANGE = 0.03;

/** A host's load as published. */
export interface FleetLoad {
  readonly inflight: number;
  readonly open: number;
  readonly longLived: number;
  readonly work: number;
  readonly rps: number;
  readonly capacity: number | null;
  readonly speed: number | null;
}

/** The totals of one host. */
export class HostTotal {
  /** The host's pool. */
  readonly pool: string;
  inflight = 0;
  /** All requests in flight, also those that wait for their client, and the long-lived ones among them. */
  open = 0;
  longLived = 0;
  rps = 0;
  readonly capacity: CapacityState = startCapacity();
  #work = 0;
  /** Requests finished since the last tick. */
  #finished = 0;
  /** Since the last `learn`: requests served, their evidence, and the integral of those in flight (requests × ms). */
  #served = 0;
  readonly #evidence = { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 };
  #inflightMs = 0;
  #inflightAtMs: number;
  #isMeasureNew = false;
  #publishedCapacity = Number.NaN;
  #publishedSpeed = Number.NaN;

  constructor(pool: string, nowMs: number) {
    this.pool = pool;
    this.#inflightAtMs = nowMs;
  }

  /** The host's load as published. */
  get load(): FleetLoad {
    const { capacity, speed } = this.capacity;
    return {
      inflight: this.inflight,
      open: this.open,
      longLived: this.longLived,
      // A sum of fractions may leave a residue after the last request.
      work: this.inflight === 0 ? 0 : Math.max(0, this.#work),
      rps: this.rps,
      capacity: Number.isNaN(capacity) ? null : capacity,
      speed: Number.isNaN(speed) ? null : speed,
    };
  }

  /** Whether the capacity differs enough from what was published. */
  get shouldPublish(): boolean {
    const { capacity, speed } = this.capacity;
    return !isNear(capacity, this.#publishedCapacity) || !isNear(speed, this.#publishedSpeed);
  }

  /** Records that the capacity was published. */
  notePublished(): void {
    this.#publishedCapacity = this.capacity.capacity;
    this.#publishedSpeed = this.capacity.speed;
  }

  /** The only place that changes what is in flight; credits the time since the last change to the previous number. */
  change(inflight: number, work: number, nowMs: number): void {
    this.#inflightMs += this.inflight * Math.max(0, nowMs - this.#inflightAtMs);
    this.#inflightAtMs = nowMs;
    this.inflight += inflight;
    this.#work += work;
  }

  /** Changes the requests that are open, and the long-lived ones: no work on the host. */
  hold(open: number, longLived: number): void {
    this.open += open;
    this.longLived += longLived;
  }

  /** Adds in-flight time (requests × ms) that the number at the start of an interval did not show. */
  correct(inflightMs: number): void {
    this.#inflightMs += inflightMs;
  }

  /** What was served since the last `learn`. */
  get evidence(): Readonly<SpeedEvidence> {
    return this.#evidence;
  }

  /** Counts finished requests. */
  serve(requests: number, evidence: SpeedEvidence): void {
    this.#finished += requests;
    this.#served += requests;
    const sum = this.#evidence;
    sum.work += evidence.work;
    sum.durations += evidence.durations;
    sum.workSquares += evidence.workSquares;
    sum.workByDuration += evidence.workByDuration;
    sum.durationSquares += evidence.durationSquares;
  }

  /** The unit of work has changed: ignore the next interval, which may still be in the old one. */
  renewMeasure(): void {
    this.#isMeasureNew = true;
  }

  /** Updates the rate over the time since the last tick; true when it changed. */
  tick(seconds: number): boolean {
    const before = this.rps;
    const smoothed = before + RATE_WEIGHT * (this.#finished / seconds - before);
    this.rps = smoothed < MIN_RATE ? 0 : smoothed;
    this.#finished = 0;
    return this.rps !== before;
  }

  /** Updates the capacity from what was served since the last call, `elapsedMs` ago (NaN: none); see `updateCapacity`. */
  learn(
    nowMs: number,
    elapsedMs: number,
    figures: Pick<HostFigures, 'cpu' | 'memory' | 'cores'>,
    speeds: FleetSpeeds,
    halfLifeMs: number,
  ): void {
    this.change(0, 0, nowMs);
    const sum = this.#evidence;
    if (this.#isMeasureNew) {
      this.#isMeasureNew = false;
    } else if (elapsedMs > 0) {
      const seen = {
        elapsedMs,
        served: this.#served,
        evidence: sum,
        meanInflight: Math.max(0, this.#inflightMs) / elapsedMs,
        work: this.load.work,
      };
      updateCapacity(this.capacity, seen, figures, speeds, halfLifeMs);
    }
    this.#served = 0;
    // A negative rest belongs to time that was counted before.
    this.#inflightMs = Math.min(0, this.#inflightMs);
    sum.work = sum.durations = sum.workSquares = sum.workByDuration = sum.durationSquares = 0;
  }
}

/** Whether a figure need not be published again; two unknown ones are near. */
function isNear(figure: number, published: number): boolean {
  return Number.isNaN(figure) ? Number.isNaN(published) : Math.abs(figure - published) <= PUBLISHED_CHANGE * published;
}
