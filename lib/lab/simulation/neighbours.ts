// Noisy neighbours on the hosts' machines: draws for each host, from its own random stream, how many cores are taken and
// for how long. Cores taken by a scenario event are added, up to all cores.

import { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';
import type { HostMachines } from './host-machines.js';
import type { Neighbours } from './scenario.js';

/** The neighbours of all hosts. */
export class NoisyNeighbours {
  readonly #machines: HostMachines;
  readonly #queue: EventQueue;
  readonly #rules: Neighbours | null;
  readonly #draws: readonly Draws[];
  /** Cores taken by draws, and by events. */
  readonly #drawn: Float64Array;
  readonly #forced: Float64Array;
  readonly #clock: () => number;

  constructor(machines: HostMachines, queue: EventQueue, clock: () => number, rules: Neighbours | null, seed: number) {
    this.#machines = machines;
    this.#queue = queue;
    this.#clock = clock;
    this.#rules = rules;
    this.#draws = Array.from({ length: machines.count }, (_, host) => new Draws(seed, 1000 + host));
    this.#drawn = new Float64Array(machines.count);
    this.#forced = new Float64Array(machines.count);
  }

  /** Starts the draws of every host. */
  start(): void {
    if (this.#rules === null) return;
    for (let host = 0; host < this.#machines.count; host++) this.#draw(host);
  }

  /** Takes this many cores of a host, for an event; 0 returns them. */
  force(host: number, cores: number): void {
    this.#forced[host] = cores;
    this.#set(host);
  }

  readonly #draw = (host: number): void => {
    const { share, cores, everyMs } = this.#rules as Neighbours;
    const draws = this.#draws[host] as Draws;
    this.#drawn[host] = draws.uniform() < share ? cores[0] + draws.below(cores[1] - cores[0] + 1) : 0;
    this.#set(host);
    this.#queue.schedule(this.#clock() + draws.exponential(everyMs), this.#draw, host, undefined);
  };

  #set(host: number): void {
    const taken = Math.max(this.#drawn[host] as number, this.#forced[host] as number);
    this.#machines.setLost(host, Math.min(taken, this.#machines.cores[host] as number), this.#clock());
  }
}
