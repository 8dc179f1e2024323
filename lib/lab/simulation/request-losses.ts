// Requests that are lost while they are open, since their balancer dies, or since their client goes. Invariant: each one is
// counted once, and its place is free once nothing that was scheduled for it is left.

import type { FleetBalancer } from './fleet-balancer.js';
import type { HostWork } from './host-work.js';
import { DEAD_BALANCER, type Jobs } from './jobs.js';
import type { Measure } from './measure.js';
import type { Processors } from './processors.js';
import type { RequestAttempts } from './request-attempts.js';

/** What losses need. */
export interface RequestLossesOptions {
  readonly jobs: Jobs;
  readonly work: HostWork;
  readonly measure: Measure;
  readonly attempts: RequestAttempts;
  /** Clients give up after this time. */
  readonly deadlineMs: number;
  /** The CPU of balancers; null if they need none. */
  readonly processors: Processors | null;
}

/** The lost requests of a run. */
export class RequestLosses {
  count = 0;
  readonly #options: RequestLossesOptions;

  constructor(options: RequestLossesOptions) {
    this.#options = options;
  }

  /** A balancer has died, with the connections of all its clients. */
  onDeath(index: number): void {
    const { jobs, processors } = this.#options;
    const { balancer, end } = jobs;
    for (let job = 0; job < end; job++) {
      if (balancer[job] !== index) continue;
      balancer[job] = DEAD_BALANCER;
      this.count++;
    }
    for (const job of processors?.clear(index) ?? []) jobs.release(job);
  }

  /** Connections of these clients have broken; returns the clients that had requests on them, which fail. */
  breakClients(clients: ReadonlySet<number>): ReadonlySet<number> {
    const { end, client, doneMs, arrivedMs } = this.#options.jobs;
    const busy = new Set<number>();
    for (let job = 0; job < end; job++) {
      const balancer = this.#options.attempts.balancerOf(job);
      if (balancer === undefined || !clients.has(client[job] as number)) continue;
      busy.add(client[job] as number);
      if ((doneMs[job] as number) < (arrivedMs[job] as number)) this.#abandon(job, balancer);
      else this.#abandonTransfer(job, balancer);
    }
    return busy;
  }

  /** The run is over: what has not ended by now counts as failed. */
  giveUp(): void {
    for (let job = 0; job < this.#options.jobs.end; job++) if (this.#options.attempts.balancerOf(job) !== undefined) this.count++;
  }

  /** The client of a request that arrived at `arrivedAtMs` gives up, unless the host has done its work: then it drops it. */
  readonly onDeadline = (job: number, arrivedAtMs: number): void => {
    const { jobs, measure, deadlineMs } = this.#options;
    const { arrivedMs, doneMs } = jobs;
    const balancer = this.#options.attempts.balancerOf(job);
    if (balancer === undefined || arrivedMs[job] !== arrivedAtMs || (doneMs[job] as number) >= arrivedAtMs) return;
    measure.record(arrivedAtMs, deadlineMs);
    this.#abandon(job, balancer);
  };

  /** The client of a request has gone. */
  #abandon(job: number, balancer: FleetBalancer): void {
    const { jobs, work, attempts } = this.#options;
    if ((jobs.slot[job] as number) >= 0) attempts.end(job, balancer, 'client-gone', 0);
    this.count++;
    // What is not on a host waits for an event of its own, such as a connection that fails: it ends then.
    if (work.cancel(job)) jobs.release(job);
    else jobs.balancer[job] = DEAD_BALANCER;
  }

  /** The client of a request has gone while it read the answer. */
  #abandonTransfer(job: number, balancer: FleetBalancer): void {
    const { jobs } = this.#options;
    balancer.endTransfer(jobs.slot[job] as number);
    this.count++;
    jobs.balancer[job] = DEAD_BALANCER;
  }
}
