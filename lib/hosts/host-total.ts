// One host as all balancers together see it: requests in flight, the rate at which they are finished, and what they
// tell of what the host can do.

import type { SpeedEvidence, HostFigures } from '../model.js';
import { MAX_MULTIPLE, paceAfter } from '../routing/pace.js';
import { type CapacityState, type FleetSpeeds, startCapacity, updateCapacity } from '../learning/capacity.js';

/** The weight of the newest second in the smoothed rate. */
const RATE_WEIGHT = 0.5;

/** A rate below this is shown as none. */
const MIN_RATE = 0.05;

/** Capacities are told anew when they changed by this share. */
const TOLD_CHANGE = 0.03;

/** A host's load as others see it. */
export interface FleetLoad {
  readonly inflight: number;
  readonly work: number;
  readonly rps: number;
  readonly capacity: number | null;
  readonly speed: number | null;
}

/** What is known of one host. */
export class HostTotal {
  inflight = 0;
  rps = 0;
  /** How long it takes for its answers, as a multiple of what is usual; 0 while it has given none. */
  pace = 0;
  #answers = 0;
  readonly capacity: CapacityState = startCapacity();
  #work = 0;
  /** Requests finished since the last tick of a second. */
  #finished = 0;
  /** Since it was learned last: requests, what they tell, and the integral of those in flight. */
  #served = 0;
  readonly #evidence = { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 };
  #inflightMs = 0;
  #inflightAtMs: number;
  #isMeasureNew = false;
  #toldCapacity = Number.NaN;
  #toldSpeed = Number.NaN;

  constructor(nowMs: number) {
    this.#inflightAtMs = nowMs;
  }

  /** The host's load as others see it. */
  get load(): FleetLoad {
    const { capacity, speed } = this.capacity;
    return {
      inflight: this.inflight,
      // Sums of fractions: what remains of nothing is nothing.
      work: this.inflight === 0 ? 0 : Math.max(0, this.#work),
      rps: this.rps,
      capacity: Number.isNaN(capacity) ? null : capacity,
      speed: Number.isNaN(speed) ? null : speed,
    };
  }

  /** Whether what the host can do is another thing than was told. */
  get isToBeTold(): boolean {
    const { capacity, speed } = this.capacity;
    return !isNear(capacity, this.#toldCapacity) || !isNear(speed, this.#toldSpeed);
  }

  /** What the host can do was told. */
  noteTold(): void {
    this.#toldCapacity = this.capacity.capacity;
    this.#toldSpeed = this.capacity.speed;
  }

  /** The only place that changes what is in flight: the time since the last change counts with what was. */
  change(inflight: number, work: number, nowMs: number): void {
    this.#inflightMs += this.inflight * Math.max(0, nowMs - this.#inflightAtMs);
    this.#inflightAtMs = nowMs;
    this.inflight += inflight;
    this.#work += work;
  }

  /** Between two messages there were so many more in flight (requests × ms) than at the first of them. */
  correct(inflightMs: number): void {
    this.#inflightMs += inflightMs;
  }

  /** Requests were finished. */
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

  /** It gave so many answers, whose paces are so much, added up. */
  answer(answers: number, paces: number): void {
    if (answers === 0) return;
    this.pace = paceAfter(this.pace, this.#answers, answers, Math.min(paces / answers, MAX_MULTIPLE));
    this.#answers += answers;
  }

  /** Work is reckoned in another measure from now on: what comes next may still be in the old one, and teaches nothing. */
  renewMeasure(): void {
    this.#isMeasureNew = true;
  }

  /** Works out the rate of the time since the last tick; true when it changed. */
  tick(seconds: number): boolean {
    const before = this.rps;
    const smoothed = before + RATE_WEIGHT * (this.#finished / seconds - before);
    this.rps = smoothed < MIN_RATE ? 0 : smoothed;
    this.#finished = 0;
    return this.rps !== before;
  }

  /** Learns what the host can do from what was served since the last call, `elapsedMs` ago (NaN: none); see `updateCapacity`. */
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
        work: Math.max(0, this.#work),
      };
      updateCapacity(this.capacity, seen, figures, speeds, halfLifeMs);
    }
    this.#served = 0;
    // What is below nothing is owed to what was counted before.
    this.#inflightMs = Math.min(0, this.#inflightMs);
    sum.work = sum.durations = sum.workSquares = sum.workByDuration = sum.durationSquares = 0;
  }
}

/** Whether a figure need not be told again; both not known is near, too. */
function isNear(figure: number, told: number): boolean {
  return Number.isNaN(figure) ? Number.isNaN(told) : Math.abs(figure - told) <= TOLD_CHANGE * told;
}
