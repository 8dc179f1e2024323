// The processors of all balancers, and which one is next.

import { Departures } from './departures.js';
import { Draws } from './draws.js';
import type { EventHandler } from './event-queue.js';
import type { BalancerCost } from './balancer-cost.js';
import { Processor, type BalancerThread } from './processor.js';

/** All of them, by balancer. */
export class Processors {
  readonly each: readonly Processor[];
  readonly #next: Departures;
  readonly #clock: () => number;

  constructor(count: number, { cores, periodMs, wakeMicros, coldMicros, coolMs }: BalancerCost, clock: () => number, seed: number) {
    const draws = new Draws(seed, 10);
    const rules = { cores, periodMs, wakeMs: wakeMicros / 1000, coldMs: coldMicros / 1000, coolMs };
    // The periods of different processes are not in step.
    this.each = Array.from({ length: count }, () => new Processor(rules, periodMs * draws.uniform()));
    this.#next = new Departures(count);
    this.#clock = clock;
  }

  /** When the next one is due; Infinity when all are idle. */
  get nextMs(): number {
    return this.#next.firstMs;
  }

  /** Runs the next one, at its time. */
  runNext(): void {
    const index = this.#next.first;
    const processor = this.each[index] as Processor;
    processor.step(this.#clock());
    this.#next.set(index, processor.nextMs);
  }

  /** Adds work for a thread of a balancer; `run` is called when it is done. */
  add<Payload>(index: number, thread: BalancerThread, micros: number, run: EventHandler<Payload>, target: number, payload: Payload): void {
    const processor = this.each[index] as Processor;
    processor.add(this.#clock(), thread, micros / 1000, run, target, payload);
    this.#next.set(index, processor.nextMs);
  }

  /** The process of a balancer ends; returns the requests that its traffic thread had in its queue. */
  clear(index: number): number[] {
    const processor = this.each[index] as Processor;
    const targets = processor.clear(this.#clock());
    this.#next.set(index, processor.nextMs);
    return targets;
  }
}
