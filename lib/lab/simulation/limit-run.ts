// One run of a fleet with a limit: random arrivals, more than the limit allows, and how far from the limit the fleet was.

import type { RateLimit } from '../../site-model.js';
import { Draws } from './draws.js';
import { EventQueue } from './event-queue.js';
import { LimitFleet } from './limit-fleet.js';
import type { LimitFault, LimitScenario } from './limit-scenarios.js';

/** Mean duration of a request, exponential. */
const REQUEST_MS = 100;

/** Requests in flight, and requests per second. */
const INFLIGHT = 1000;
const PER_SECOND = 4000;
const BURST = 100;

/** A run ends then; it is measured after the warm-up, when the first shares have been dealt out. */
const END_MS = 25_000;
const WARM_UP_MS = 7000;

const SAMPLE_MS = 10;
const WINDOW_MS = 1000;

/** The goal after a fault is about this time. */
const AFTER_MS = 2000;

/** A limit that is tried. */
export type LimitKind = 'in flight' | 'rate, one key' | 'rate, a client on all';

/** All of them. */
export const LIMIT_KINDS: readonly LimitKind[] = ['in flight', 'rate, one key', 'rate, a client on all'];

/** What is run. */
export interface LimitRun {
  readonly kind: LimitKind;
  readonly scenario: LimitScenario;
  readonly balancers: number;
  readonly everyMs: number;
  /** Demand, as a multiple of the limit. */
  readonly load: number;
  readonly seed: number;
}

/** Deviations as parts of what should have been let in: the limit, or the demand if that is less. */
export interface LimitFigures {
  /** Of the mean of any second, and of any moment (requests in flight only, else NaN). */
  readonly over: number;
  readonly mostOver: number;
  /** Of the mean of any second outside of the two after a fault. */
  readonly under: number;
  /** Of the mean of the two seconds after a fault; negative: too few. NaN without a fault. */
  readonly afterFault: number;
  /** Of the first second of all, in which no balancer has heard a master yet; above only. */
  readonly firstSecond: number;
}

/** Runs a fleet. The same seed gives the same figures. */
export function runLimit(run: LimitRun): LimitFigures {
  const queue = new EventQueue();
  const traffic = new LimitTraffic(run, queue);
  while (queue.nextMs <= END_MS) queue.runNext();
  return figuresOf(traffic.samples, run);
}

/** The traffic of a run, and what came of it. */
class LimitTraffic {
  /** Mean requests in flight, or requests let in per second, in each `SAMPLE_MS`. */
  readonly samples: number[] = [];
  readonly #run: LimitRun;
  readonly #queue: EventQueue;
  readonly #draws: Draws;
  readonly #fleet: LimitFleet;
  readonly #inflight: Int32Array;
  #dead = -1;
  #total = 0;

  constructor(run: LimitRun, queue: EventQueue) {
    this.#run = run;
    this.#queue = queue;
    this.#draws = new Draws(run.seed, 1);
    this.#inflight = new Int32Array(run.balancers);
    const rate: RateLimit = {
      requests: PER_SECOND,
      perMs: 1000,
      burst: BURST,
      key: { of: run.kind === 'rate, one key' ? 'route' : 'client' },
    };
    const { balancers, everyMs } = run;
    this.#fleet = new LimitFleet(queue, new Draws(run.seed, 2), { balancers, everyMs, inflight: INFLIGHT, rate });
    queue.schedule(0, run.kind === 'in flight' ? this.#begin : this.#check, 0, null);
    queue.schedule(SAMPLE_MS, this.#sample, 0, null);
    const { fault } = run.scenario;
    if (fault !== null) queue.schedule(fault.atMs, this.#fail, 0, fault);
  }

  readonly #begin = (): void => {
    const { nowMs } = this.#queue;
    this.#queue.schedule(nowMs + this.#draws.exponential(REQUEST_MS / INFLIGHT / this.#run.load), this.#begin, 0, null);
    const index = this.#balancer();
    if (index < 0 || this.#fleet.balancers[index]?.share.tryBegin(nowMs) !== true) return;
    (this.#inflight[index] as number)++;
    this.#total++;
    this.#queue.schedule(nowMs + this.#draws.exponential(REQUEST_MS), this.#end, index, null);
  };

  readonly #end = (index: number): void => {
    // The requests of a balancer that died ended with it.
    if (index === this.#dead) return;
    this.#fleet.balancers[index]?.share.end();
    (this.#inflight[index] as number)--;
    this.#total--;
  };

  readonly #check = (): void => {
    const { nowMs } = this.#queue;
    this.#queue.schedule(nowMs + this.#draws.exponential(1000 / PER_SECOND / this.#run.load), this.#check, 0, null);
    const index = this.#balancer();
    if (index >= 0 && this.#fleet.balancers[index]?.limiter.check(1, 1, nowMs) === true) this.#total++;
  };

  readonly #sample = (): void => {
    this.#queue.schedule(this.#queue.nowMs + SAMPLE_MS, this.#sample, 0, null);
    if (this.#run.kind === 'in flight') {
      this.samples.push(this.#total);
      return;
    }
    this.samples.push((this.#total * 1000) / SAMPLE_MS);
    this.#total = 0;
  };

  readonly #fail = (_: number, fault: LimitFault): void => {
    this.#dead = this.#fleet.fail(fault);
    if (this.#dead < 0) return;
    if (this.#run.kind === 'in flight') this.#total -= this.#inflight[this.#dead] as number;
  };

  /** The balancer of the next request: of one that died, the clients go to the others alike; -1 if there are none. */
  #balancer(): number {
    const { scenario, balancers } = this.#run;
    const { balancer, part } = scenario.busy(this.#queue.nowMs, balancers);
    let index = balancer;
    if (this.#draws.uniform() >= part) index = (balancer + 1 + this.#draws.below(balancers - 1)) % balancers;
    if (index !== this.#dead) return index;
    return balancers === 1 ? -1 : (index + 1 + this.#draws.below(balancers - 1)) % balancers;
  }
}

function figuresOf(samples: readonly number[], { kind, scenario, load }: LimitRun): LimitFigures {
  const limit = kind === 'in flight' ? INFLIGHT : PER_SECOND;
  const target = Math.min(1, load) * limit;
  const meanOf = (fromMs: number, toMs: number): number => {
    const part = samples.slice(fromMs / SAMPLE_MS, toMs / SAMPLE_MS);
    return part.reduce((sum, each) => sum + each, 0) / part.length;
  };
  const faultAtMs = scenario.fault?.atMs ?? Number.NaN;
  let [over, under, mostOver] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
  for (let fromMs = WARM_UP_MS; fromMs + WINDOW_MS <= END_MS; fromMs += WINDOW_MS / 10) {
    const mean = meanOf(fromMs, fromMs + WINDOW_MS);
    over = Math.max(over, mean / limit - 1);
    if (!(fromMs + WINDOW_MS > faultAtMs && fromMs < faultAtMs + AFTER_MS)) under = Math.max(under, 1 - mean / target);
  }
  if (kind === 'in flight') mostOver = Math.max(...samples.slice(WARM_UP_MS / SAMPLE_MS)) / limit - 1;
  const afterFault = meanOf(faultAtMs, faultAtMs + AFTER_MS) / target - 1;
  // A bucket is full at first.
  const firstSecond = Math.max(0, meanOf(0, WINDOW_MS) / (kind === 'in flight' ? limit : limit + BURST) - 1);
  return { over, mostOver, under, afterFault, firstSecond };
}
