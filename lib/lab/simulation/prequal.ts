// Prequal: asynchronous probes return the requests in flight and the latency of a few hosts; hosts with many requests in
// flight are hot, and the fastest cold host is picked.
// Source: Wydrowski, Kleinberg, Rumble and Archer, "Load is not what you should balance: Introducing Prequal",
// NSDI 2024; parameters of its section 5: 3 probes per request, a pool of 16, Q_RIF 0.84, one probe removed per request.

import type { TableReader } from '../../table/reader.js';
import type { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import { type HostMachines, isStanding } from './host-machines.js';

const POOL = 16;
const PROBES_PER_REQUEST = 3;
const REMOVED_PER_REQUEST = 1;
const HOT_QUANTILE = 0.84;
const MAX_AGE_MS = 1000;
/** Net rate at which probes accumulate (the paper's delta). */
const DELTA = 1;
/** With fewer probes a host is picked at random. */
const MIN_POOL = 2;
/** Number of recent in-flight counts from probes over which the quantile is taken. */
const SEEN = 128;

/** Maximum draws without probes. */
const MAX_LOOKS = 32;

/** Latencies by requests in flight at arrival: number of levels, and samples per level. */
const LEVELS = 64;
const SAMPLES = 8;

/** The server side of Prequal: each host's estimate of its latency. */
export class ProbeAnswers {
  readonly #machines: HostMachines;
  readonly #samples: Float64Array;
  readonly #counts: Int32Array;
  readonly #sorted = new Float64Array(SAMPLES);

  constructor(machines: HostMachines) {
    this.#machines = machines;
    this.#samples = new Float64Array(machines.count * LEVELS * SAMPLES);
    this.#counts = new Int32Array(machines.count * LEVELS);
  }

  /** Records a completed request that found `behind` others on the host and took `tookMs`. */
  onDone(host: number, behind: number, tookMs: number): void {
    const cell = host * LEVELS + Math.min(behind, LEVELS - 1);
    const count = this.#counts[cell] as number;
    this.#samples[cell * SAMPLES + (count % SAMPLES)] = tookMs;
    this.#counts[cell] = count + 1;
  }

  /** Median latency of recent requests that arrived at about the current number in flight; 0 if unknown. */
  latencyOf(host: number): number {
    const level = Math.min(this.#machines.openOn(host), LEVELS - 1);
    for (let away = 0; away < LEVELS; away++) {
      if (level - away >= 0 && (this.#counts[host * LEVELS + level - away] as number) > 0)
        return this.#median(host * LEVELS + level - away);
      if (level + away < LEVELS && (this.#counts[host * LEVELS + level + away] as number) > 0)
        return this.#median(host * LEVELS + level + away);
    }
    return 0;
  }

  #median(cell: number): number {
    const count = Math.min(this.#counts[cell] as number, SAMPLES);
    const sorted = this.#sorted;
    for (let i = 0; i < count; i++) {
      const sample = this.#samples[cell * SAMPLES + i] as number;
      let at = i;
      for (; at > 0 && (sorted[at - 1] as number) > sample; at--) sorted[at] = sorted[at - 1] as number;
      sorted[at] = sample;
    }
    return sorted[count >> 1] as number;
  }
}

interface Probe {
  host: number;
  inflight: number;
  latencyMs: number;
  atMs: number;
  usesLeft: number;
}

/** Options of a balancer with Prequal. */
export interface PrequalOptions {
  readonly machines: HostMachines;
  readonly answers: ProbeAnswers;
  readonly queue: EventQueue;
  readonly draws: Draws;
  readonly balancer: FleetBalancer;
  /** Draws the one-way delay of a probe. */
  readonly delayMs: () => number;
}

/** One balancer's probe pool, and the hot/cold rule. */
export class Prequal implements Picker {
  readonly #options: PrequalOptions;
  readonly #pool: Probe[] = [];
  readonly #seen = new Int32Array(SEEN);
  readonly #sorted = new Int32Array(SEEN);
  readonly #uses: number;
  #seenCount = 0;
  #hotAbove = Number.POSITIVE_INFINITY;
  #isWorstNext = false;
  #nowMs = 0;

  constructor(options: PrequalOptions) {
    this.#options = options;
    const { count } = options.machines;
    // Maximum uses of a probe: the paper's b_reuse.
    const fresh = Math.max(0, 1 - POOL / count) * PROBES_PER_REQUEST - REMOVED_PER_REQUEST;
    this.#uses = fresh > 0 ? Math.max(1, (1 + DELTA) / fresh) : 1;
  }

  pick(view: TableReader, nowMs: number, excluded: number): number {
    const { draws, machines, queue, balancer, delayMs } = this.#options;
    this.#nowMs = nowMs;
    for (let i = 0; i < PROBES_PER_REQUEST; i++) queue.schedule(nowMs + delayMs(), this.#onProbe, draws.below(machines.count), undefined);
    while (this.#pool.length > 0 && nowMs - (this.#pool[0] as Probe).atMs > MAX_AGE_MS) this.#pool.shift();
    const at = this.#best(view, excluded);
    this.#removeOne();
    if (at === undefined) return anyCandidate(view, excluded, draws);
    at.inflight++;
    if (--at.usesLeft <= 0) this.#remove(at);
    return balancer.slotOf[at.host] as number;
  }

  /** A probe has reached its host; the reply takes as long again. */
  readonly #onProbe = (host: number): void => {
    const { machines, answers, queue, delayMs } = this.#options;
    if (!isStanding(machines.standing[host] as number)) return;
    const sentMs = queue.nowMs;
    const whole = Math.floor(this.#uses);
    const usesLeft = whole + (this.#options.draws.uniform() < this.#uses - whole ? 1 : 0);
    queue.schedule(sentMs + delayMs(), this.#onAnswer, 0, {
      host,
      inflight: machines.openOn(host),
      latencyMs: answers.latencyOf(host),
      atMs: sentMs,
      usesLeft,
    });
  };

  readonly #onAnswer = (_: number, probe: Probe): void => {
    this.#seen[this.#seenCount++ % SEEN] = probe.inflight;
    if (this.#seenCount % 8 === 0 || this.#seenCount < SEEN) this.#findHot();
    const known = this.#pool.findIndex(({ host }) => host === probe.host);
    if (known >= 0) this.#pool.splice(known, 1);
    this.#pool.push(probe);
    if (this.#pool.length > POOL) this.#pool.shift();
  };

  #findHot(): void {
    const count = Math.min(this.#seenCount, SEEN);
    const sorted = this.#sorted.subarray(0, count);
    sorted.set(this.#seen.subarray(0, count));
    sorted.sort();
    this.#hotAbove = sorted[Math.min(count - 1, Math.floor(HOT_QUANTILE * count))] as number;
  }

  /** The fastest cold host, else the one with the fewest requests in flight. */
  #best(view: TableReader, excluded: number): Probe | undefined {
    if (this.#pool.length < MIN_POOL) return undefined;
    const { balancer } = this.#options;
    let best: Probe | undefined;
    let isBestHot = true;
    for (const probe of this.#pool) {
      const slot = balancer.slotOf[probe.host] as number;
      if (slot < 0 || slot === excluded || (view.avoidUntil[slot] as number) > this.#nowMs) continue;
      const isHot = probe.inflight > this.#hotAbove;
      if (best === undefined || (isBestHot && !isHot)) {
        best = probe;
        isBestHot = isHot;
      } else if (isHot === isBestHot && (isHot ? probe.inflight < best.inflight : probe.latencyMs < best.latencyMs)) {
        best = probe;
      }
    }
    return best;
  }

  /** Removes the worst and the oldest probe alternately. */
  #removeOne(): void {
    this.#isWorstNext = !this.#isWorstNext;
    if (this.#pool.length <= MIN_POOL) return;
    if (!this.#isWorstNext) {
      this.#pool.shift();
      return;
    }
    let worst = this.#pool[0] as Probe;
    let isWorstHot = worst.inflight > this.#hotAbove;
    for (const probe of this.#pool) {
      const isHot = probe.inflight > this.#hotAbove;
      const isWorse = isHot === isWorstHot ? (isHot ? probe.inflight > worst.inflight : probe.latencyMs > worst.latencyMs) : isHot;
      if (!isWorse) continue;
      worst = probe;
      isWorstHot = isHot;
    }
    this.#remove(worst);
  }

  #remove(probe: Probe): void {
    const at = this.#pool.indexOf(probe);
    if (at >= 0) this.#pool.splice(at, 1);
  }
}

function anyCandidate(view: TableReader, excluded: number, draws: Draws): number {
  const candidates = view.candidates();
  const count = candidates[0] as number;
  if (count === 0) return -1;
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const slot = candidates[1 + draws.below(count)] as number;
    if (slot !== excluded || count === 1) return slot;
  }
  return -1;
}
