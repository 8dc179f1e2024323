// The true state of all hosts at this instant, which omniscient policies see, and no others.

import type { ColdCaches } from './cold-caches.js';
import { HOST_UP, type HostMachines } from './host-machines.js';

/** What there is to know of a host. */
export class TrueState {
  readonly count: number;
  readonly #machines: HostMachines;
  readonly #caches: ColdCaches;

  constructor(machines: HostMachines, caches: ColdCaches) {
    this.count = machines.count;
    this.#machines = machines;
    this.#caches = caches;
  }

  isUp(host: number): boolean {
    return this.#machines.standing[host] === HOST_UP;
  }

  /** Requests that share the cores now. Counting in part those that wait too would make no better floor. */
  running(host: number): number {
    return this.#machines.inflight[host] as number;
  }

  /** Work of the requests that share the cores, in ms of a core of speed 1 with warm caches. */
  work(host: number): number {
    return this.#machines.work[host] as number;
  }

  coresLeft(host: number): number {
    const { cores, lost } = this.#machines;
    return (cores[host] as number) - (lost[host] as number);
  }

  /** Work in ms per ms of a core, for a request that starts now. */
  speed(host: number, nowMs: number): number {
    return (this.#machines.speed[host] as number) / this.#caches.factorOf(host, nowMs);
  }
}
