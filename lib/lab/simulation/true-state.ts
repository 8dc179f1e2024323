// The true state of all hosts at this instant, which omniscient policies see, and no others.

import type { ColdCaches } from './cold-caches.js';
import { HOST_UP, type HostMachines } from './host-machines.js';

/** What there is to know of a host. */
export class TrueState {
  readonly count: number;
  readonly #machines: HostMachines;
  readonly #caches: ColdCaches;
  readonly #runShare: number;

  /** @param runShare share of its time for which a request uses a core */
  constructor(machines: HostMachines, caches: ColdCaches, runShare: number) {
    this.count = machines.count;
    this.#machines = machines;
    this.#caches = caches;
    this.#runShare = runShare;
  }

  isUp(host: number): boolean {
    return this.#machines.standing[host] === HOST_UP;
  }

  /** Requests that share the cores: those that do now, and of those that wait the number expected to at any time. */
  running(host: number): number {
    const { inflight, waiting } = this.#machines;
    return (inflight[host] as number) + this.#runShare * (waiting[host] as number);
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
