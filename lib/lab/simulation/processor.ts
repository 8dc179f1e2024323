// The CPU of one balancer: three threads, each with a first-come, first-served queue, share a quota of cores. The quota is
// either a processor of that speed, or, as the kernel enforces it, full speed until the quota of a period is spent, and
// then nothing until the next period. While the traffic thread does not run, asleep or without quota, others take its caches,
// and it pays for it when it runs again. Invariant: work is done in the order of its arrival at its thread, and completely.

import type { EventHandler } from './event-queue.js';

/** The thread that handles requests. */
export const TRAFFIC_THREAD = 0;
/** The thread that exchanges tables and loads. */
export const FLEET_THREAD = 1;
/** The thread of a master's hosts. */
export const HOSTS_THREAD = 2;
const THREADS = 3;

/** One of them. */
export type BalancerThread = typeof TRAFFIC_THREAD | typeof FLEET_THREAD | typeof HOSTS_THREAD;

/** Less work than this, in ms, is a rounding error. */
const NOTHING_MS = 1e-8;

/** The quota of a processor. */
export interface ProcessorRules {
  /** Cores that all threads may use together; each uses one at most. */
  readonly cores: number;
  /** Length of the quota's period; 0: a processor of that speed. */
  readonly periodMs: number;
  /** CPU to wake the fleet thread, in ms. The master's thread reads messages together. */
  readonly wakeMs: number;
  /** CPU of the traffic thread to go on with cold caches, in ms; 0 unless set. */
  readonly coldMs?: number;
  /** Time constant, in ms, with which its caches cool while it does not run; 0: at once. */
  readonly coolMs?: number;
}

interface Work {
  readonly ms: number;
  readonly run: EventHandler<never>;
  readonly target: number;
  readonly payload: unknown;
}

/** The processor of one balancer. */
export class Processor {
  /** When something changes next: `step` is due then; Infinity when nothing is to be done. */
  nextMs = Number.POSITIVE_INFINITY;
  /** CPU used by each thread, and time for which each one had work, done or not. */
  readonly cpuMs = new Float64Array(THREADS);
  readonly activeMs = new Float64Array(THREADS);
  readonly #rules: ProcessorRules;
  readonly #queues: Work[][] = [[], [], []];
  /** Index of each queue's first work, and what is left of it in ms. */
  readonly #heads = new Int32Array(THREADS);
  readonly #leftMs = new Float64Array(THREADS);
  /** The thread whose work has just been done, and which is therefore awake. */
  #awake = -1;
  /** When the traffic thread ran last, and how often its caches were cold: the sum of the shares that were. */
  #ranAtMs = Number.NEGATIVE_INFINITY;
  colds = 0;
  #atMs = 0;
  #periodEndMs: number;
  #budgetMs: number;

  /** @param phaseMs start of the first period */
  constructor(rules: ProcessorRules, phaseMs: number) {
    this.#rules = rules;
    this.#periodEndMs = phaseMs;
    this.#budgetMs = rules.cores * rules.periodMs;
  }

  /** Works of a thread that are not done. */
  waiting(thread: BalancerThread): number {
    return (this.#queues[thread] as Work[]).length - (this.#heads[thread] as number);
  }

  /** Adds work for a thread; `run` is called when it is done. */
  add<Payload>(nowMs: number, thread: BalancerThread, ms: number, run: EventHandler<Payload>, target: number, payload: Payload): void {
    this.advance(nowMs);
    const isIdle = this.waiting(thread) === 0;
    const mustWake = isIdle && thread === FLEET_THREAD && this.#awake !== thread;
    const work: Work = { ms: ms + (mustWake ? this.#rules.wakeMs : 0), run: run as EventHandler<never>, target, payload };
    (this.#queues[thread] as Work[]).push(work);
    if (isIdle) this.#leftMs[thread] = work.ms;
    this.#runTraffic();
    this.#plan();
  }

  /** Goes on at `nextMs`: calls `run` of all work that is done. */
  step(nowMs: number): void {
    this.advance(nowMs);
    for (let thread = 0; thread < THREADS; thread++) {
      if (this.waiting(thread as BalancerThread) === 0 || (this.#leftMs[thread] as number) > NOTHING_MS) continue;
      const { run, target, payload } = this.#take(thread);
      this.#awake = thread;
      (run as EventHandler<unknown>)(target, payload);
      this.#awake = -1;
    }
    this.#plan();
  }

  /** Drops all work; returns the targets of that of the traffic thread. */
  clear(nowMs: number): number[] {
    this.advance(nowMs);
    const targets = (this.#queues[TRAFFIC_THREAD] as Work[]).slice(this.#heads[TRAFFIC_THREAD]).map(({ target }) => target);
    for (const queue of this.#queues) queue.length = 0;
    this.#heads.fill(0);
    this.#plan();
    return targets;
  }

  /** Updates the counters to this time. */
  advance(nowMs: number): void {
    const elapsedMs = nowMs - this.#atMs;
    this.#atMs = nowMs;
    const active = this.#active();
    const { cores, periodMs } = this.#rules;
    if (elapsedMs > 0 && active > 0) {
      const doneMs = elapsedMs * this.#rate(active);
      if (doneMs > 0 && this.waiting(TRAFFIC_THREAD) > 0) this.#ranAtMs = nowMs;
      for (let thread = 0; thread < THREADS; thread++) {
        if (this.waiting(thread as BalancerThread) === 0) continue;
        this.#leftMs[thread] = (this.#leftMs[thread] as number) - doneMs;
        this.cpuMs[thread] = (this.cpuMs[thread] as number) + doneMs;
        this.activeMs[thread] = (this.activeMs[thread] as number) + elapsedMs;
      }
      this.#budgetMs -= doneMs * active;
      if (this.#budgetMs < NOTHING_MS) this.#budgetMs = 0;
    }
    // While there is work a step ends each period; a period without any passes unnoticed.
    if (periodMs > 0 && nowMs >= this.#periodEndMs) {
      this.#periodEndMs += periodMs * (1 + Math.floor((nowMs - this.#periodEndMs) / periodMs));
      this.#budgetMs = cores * periodMs;
      this.#runTraffic();
    }
  }

  #take(thread: number): Work {
    const queue = this.#queues[thread] as Work[];
    const head = this.#heads[thread] as number;
    const work = queue[head] as Work;
    this.#heads[thread] = head + 1;
    if (head + 1 === queue.length) {
      queue.length = 0;
      this.#heads[thread] = 0;
    } else if (head > 1000 && 2 * head > queue.length) {
      queue.splice(0, head + 1);
      this.#heads[thread] = 0;
    }
    this.#leftMs[thread] = (queue[this.#heads[thread] as number] as Work | undefined)?.ms ?? 0;
    return work;
  }

  /** If the traffic thread goes on after it has not run, it pays for its cold caches. */
  #runTraffic(): void {
    const { coldMs = 0, coolMs = 0, periodMs } = this.#rules;
    const pausedMs = this.#atMs - this.#ranAtMs;
    if (!(pausedMs > 0) || this.waiting(TRAFFIC_THREAD) === 0 || (periodMs > 0 && this.#budgetMs === 0)) return;
    const cold = coolMs > 0 ? 1 - Math.exp(-pausedMs / coolMs) : 1;
    this.#ranAtMs = this.#atMs;
    this.colds += cold;
    this.#leftMs[TRAFFIC_THREAD] = (this.#leftMs[TRAFFIC_THREAD] as number) + coldMs * cold;
  }

  #active(): number {
    let active = 0;
    for (let thread = 0; thread < THREADS; thread++) if (this.waiting(thread as BalancerThread) > 0) active++;
    return active;
  }

  /** Cores of each thread that has work. */
  #rate(active: number): number {
    const { cores, periodMs } = this.#rules;
    if (periodMs === 0) return Math.min(1, cores / active);
    return this.#budgetMs > 0 ? 1 : 0;
  }

  #plan(): void {
    const active = this.#active();
    if (active === 0) {
      this.nextMs = Number.POSITIVE_INFINITY;
      return;
    }
    let leastMs = Number.POSITIVE_INFINITY;
    for (let thread = 0; thread < THREADS; thread++)
      if (this.waiting(thread as BalancerThread) > 0) leastMs = Math.min(leastMs, Math.max(0, this.#leftMs[thread] as number));
    if (this.#rules.periodMs === 0) this.nextMs = this.#atMs + leastMs / this.#rate(active);
    else if (leastMs <= NOTHING_MS) this.nextMs = this.#atMs;
    else if (this.#budgetMs === 0) this.nextMs = this.#periodEndMs;
    else this.nextMs = Math.min(this.#atMs + Math.min(leastMs, this.#budgetMs / active), this.#periodEndMs);
  }
}
