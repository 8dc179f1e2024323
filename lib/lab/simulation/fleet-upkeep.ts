// The periodic work of balancers: ejections and medians, how busy their fleet thread was, and the CPU that they need at rest.

import type { Coordination } from './coordination.js';
import type { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';
import { type FleetBalancer, UPKEEP_MS } from './fleet-balancer.js';
import { FLEET_THREAD } from './processor.js';

/** Every so many upkeeps a balancer looks how busy its fleet thread was; as in lib/fleet/load-sync.ts. */
const UPKEEPS_PER_LOOK = 8;

/** Interval in which the CPU at rest is charged. */
const REST_MS = 20;

/** What the periodic work needs. */
export interface FleetUpkeepOptions {
  readonly balancers: readonly FleetBalancer[];
  readonly coordination: Coordination;
  readonly queue: EventQueue;
  readonly clock: () => number;
  /** Index of the master; -1 if there is none. */
  readonly master: () => number;
  /** Whether a host answers a probe. */
  readonly isWell: (host: number) => boolean;
}

/** The periodic work of all balancers. */
export class FleetUpkeep {
  readonly #options: FleetUpkeepOptions;
  /** Number of upkeeps of each balancer, and whether it has one scheduled. */
  readonly #upkeeps: Int32Array;
  readonly #hasUpkeep: Uint8Array;

  constructor(options: FleetUpkeepOptions) {
    this.#options = options;
    this.#upkeeps = new Int32Array(options.balancers.length);
    this.#hasUpkeep = new Uint8Array(options.balancers.length);
  }

  /** A balancer has been running for a while: its timers are anywhere in their intervals. */
  start(index: number, draws: Draws): void {
    const { queue, coordination } = this.#options;
    this.#hasUpkeep[index] = 1;
    queue.schedule(UPKEEP_MS * draws.uniform(), this.#upkeep, index, undefined);
    if (coordination.isFree) return;
    this.#upkeeps[index] = draws.below(UPKEEPS_PER_LOOK);
    queue.schedule(REST_MS * draws.uniform(), this.#rest, index, undefined);
  }

  /** A balancer that was dead starts again. */
  resume(index: number): void {
    const { queue, clock } = this.#options;
    if (this.#hasUpkeep[index] === 1) return;
    this.#hasUpkeep[index] = 1;
    queue.schedule(clock() + UPKEEP_MS, this.#upkeep, index, undefined);
  }

  readonly #rest = (index: number): void => {
    const { balancers, coordination, queue, clock, master } = this.#options;
    if ((balancers[index] as FleetBalancer).isAlive) coordination.rest(index, index === master(), REST_MS);
    queue.schedule(clock() + REST_MS, this.#rest, index, undefined);
  };

  readonly #upkeep = (index: number): void => {
    const { balancers, coordination, queue, clock, isWell } = this.#options;
    const balancer = balancers[index] as FleetBalancer;
    if (!balancer.isAlive) {
      this.#hasUpkeep[index] = 0;
      return;
    }
    const upkeeps = (this.#upkeeps[index] as number) + 1;
    this.#upkeeps[index] = upkeeps;
    if (!coordination.isFree && upkeeps % UPKEEPS_PER_LOOK === 0) balancer.adapt(coordination.busyShare(index, FLEET_THREAD, clock()));
    balancer.upkeep(clock(), isWell);
    queue.schedule(clock() + UPKEEP_MS, this.#upkeep, index, undefined);
  };
}
