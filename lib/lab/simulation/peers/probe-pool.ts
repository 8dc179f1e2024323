// Asynchronous probing, as Prequal does it: each request sends probes to a few random hosts and is placed by the answers
// to earlier ones. The pool forgets answers by age, by use and one by one; which host is best is up to a rule, so that the
// rules of C3 and of a linear score are compared on the same probes, as in the paper's figure 7.
// Source: Wydrowski, Kleinberg, Rumble and Archer, "Load is not what you should balance: Introducing Prequal",
// NSDI 2024, section 4; parameters of its section 5.

import type { TableReader } from '../../../table/reader.js';
import type { Draws } from '../draws.js';
import type { EventQueue } from '../event-queue.js';
import type { FleetBalancer, Picker } from '../fleet-balancer.js';
import { type HostMachines, isStanding } from '../host-machines.js';
import type { HostLatencies } from './host-latencies.js';
import { randomCandidate } from './random-host.js';

/** Maximum answers in the pool. */
const POOL = 16;

/** Answers removed per probe sent: the paper removes one per request, and sends three. */
const REMOVED_PER_PROBE = 1 / 3;

/** An answer is used up to this age. */
const MAX_AGE_MS = 1000;

/** Net rate at which answers accumulate (the paper's delta). */
const DELTA = 1;

/** With fewer answers a host is picked at random. */
const MIN_POOL = 2;

/** What a host answered to a probe. */
export interface ProbeAnswer {
  readonly host: number;
  /** Requests in flight on the host, plus those sent there since on the strength of this answer. */
  inflight: number;
  /** Estimated latency at that number of requests in flight, and smoothed service time. */
  readonly latencyMs: number;
  readonly serviceMs: number;
  readonly atMs: number;
  usesLeft: number;
}

/** How the hosts of a pool are ranked. */
export interface ProbeRule {
  /** Takes note of the requests in flight that a host reported. */
  observe(inflight: number): void;
  /** Score of a host, of which this balancer has `own` requests in flight; the least is the best. */
  scoreOf(probe: ProbeAnswer, own: number): number;
}

/** Options of a balancer that probes. */
export interface ProbePoolOptions {
  readonly rule: ProbeRule;
  /** Probes per request; a fraction is carried over to the next request. */
  readonly probes: number;
  readonly machines: HostMachines;
  readonly latencies: HostLatencies;
  readonly queue: EventQueue;
  readonly draws: Draws;
  readonly balancer: FleetBalancer;
  /** Counts a message from process to process and draws its delay. */
  readonly delayMs: () => number;
}

/** One balancer's pool of answers. */
export class ProbePool implements Picker {
  readonly #options: ProbePoolOptions;
  readonly #pool: ProbeAnswer[] = [];
  readonly #probed: Int32Array;
  /** Maximum uses of an answer: the paper's b_reuse. */
  readonly #uses: number;
  #probesDue = 0;
  #removalsDue = 0;
  #isWorstNext = false;

  constructor(options: ProbePoolOptions) {
    this.#options = options;
    const { probes, machines } = options;
    this.#probed = new Int32Array(Math.min(Math.ceil(probes), machines.count));
    const fresh = Math.max(0, 1 - POOL / machines.count) * probes - REMOVED_PER_PROBE * probes;
    this.#uses = fresh > 0 ? Math.max(1, (1 + DELTA) / fresh) : 1;
  }

  pick(view: TableReader, nowMs: number, excluded: number): number {
    const { draws, balancer, probes } = this.#options;
    this.#sendProbes(nowMs);
    while (this.#pool.length > 0 && nowMs - (this.#pool[0] as ProbeAnswer).atMs > MAX_AGE_MS) this.#pool.shift();
    const best = this.#best(view, nowMs, excluded);
    this.#removalsDue += REMOVED_PER_PROBE * probes;
    for (; this.#removalsDue >= 1; this.#removalsDue--) this.#removeOne();
    if (best === undefined) return randomCandidate(view, excluded, draws);
    best.inflight++;
    if (--best.usesLeft <= 0) this.#remove(best);
    return balancer.slotOf[best.host] as number;
  }

  /** Sends the probes of one request, each to another host. */
  #sendProbes(nowMs: number): void {
    const { draws, machines, queue, delayMs, probes } = this.#options;
    this.#probesDue += probes;
    const count = Math.min(Math.floor(this.#probesDue), this.#probed.length);
    this.#probesDue -= Math.floor(this.#probesDue);
    for (let i = 0; i < count; i++) {
      let host = draws.below(machines.count);
      while (this.#probed.subarray(0, i).includes(host)) host = draws.below(machines.count);
      this.#probed[i] = host;
      queue.schedule(nowMs + delayMs(), this.#onProbe, host, undefined);
    }
  }

  /** A probe has reached its host. */
  readonly #onProbe = (host: number): void => {
    const { machines, latencies, queue, draws, delayMs } = this.#options;
    if (!isStanding(machines.standing[host] as number)) return;
    const atMs = queue.nowMs;
    const whole = Math.floor(this.#uses);
    const usesLeft = whole + (draws.uniform() < this.#uses - whole ? 1 : 0);
    queue.schedule(atMs + delayMs(), this.#onAnswer, 0, {
      host,
      inflight: machines.openOn(host),
      latencyMs: latencies.latencyOf(host, atMs),
      serviceMs: latencies.serviceMs[host] as number,
      atMs,
      usesLeft,
    });
  };

  readonly #onAnswer = (_: number, probe: ProbeAnswer): void => {
    this.#options.rule.observe(probe.inflight);
    const known = this.#pool.findIndex(({ host }) => host === probe.host);
    if (known >= 0) this.#pool.splice(known, 1);
    this.#pool.push(probe);
    if (this.#pool.length > POOL) this.#pool.shift();
  };

  #best(view: TableReader, nowMs: number, excluded: number): ProbeAnswer | undefined {
    if (this.#pool.length < MIN_POOL) return undefined;
    const { balancer } = this.#options;
    let best: ProbeAnswer | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const probe of this.#pool) {
      const slot = balancer.slotOf[probe.host] as number;
      if (slot < 0 || slot === excluded || (view.avoidUntil[slot] as number) > nowMs) continue;
      const score = this.#scoreOf(probe);
      if (best !== undefined && score >= least) continue;
      best = probe;
      least = score;
    }
    return best;
  }

  #scoreOf(probe: ProbeAnswer): number {
    const slot = this.#options.balancer.slotOf[probe.host] as number;
    const own = slot < 0 ? 0 : (this.#options.balancer.columns.inflight[slot] as number);
    return this.#options.rule.scoreOf(probe, own);
  }

  /** Removes the worst and the oldest answer in turn. */
  #removeOne(): void {
    this.#isWorstNext = !this.#isWorstNext;
    if (this.#pool.length <= MIN_POOL) return;
    if (!this.#isWorstNext) {
      this.#pool.shift();
      return;
    }
    let worst = this.#pool[0] as ProbeAnswer;
    let most = Number.NEGATIVE_INFINITY;
    for (const probe of this.#pool) {
      const score = this.#scoreOf(probe);
      if (score <= most) continue;
      worst = probe;
      most = score;
    }
    this.#remove(worst);
  }

  #remove(probe: ProbeAnswer): void {
    const at = this.#pool.indexOf(probe);
    if (at >= 0) this.#pool.splice(at, 1);
  }
}
