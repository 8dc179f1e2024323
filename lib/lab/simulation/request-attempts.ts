// The attempts of requests on hosts, as their balancers see them: each one is begun and ended exactly once.

import type { OutcomeKind } from '../../routing/retry.js';
import type { FleetBalancer } from './fleet-balancer.js';
import type { Jobs } from './jobs.js';

/** The attempts of all requests. */
export class RequestAttempts {
  readonly #jobs: Jobs;
  readonly #balancers: readonly FleetBalancer[];
  readonly #clock: () => number;

  constructor(jobs: Jobs, balancers: readonly FleetBalancer[], clock: () => number) {
    this.#jobs = jobs;
    this.#balancers = balancers;
    this.#clock = clock;
  }

  /** A request of a class comes to a balancer; returns its job. */
  take(balancer: FleetBalancer, requestClass: number): number {
    const jobs = this.#jobs;
    const job = jobs.take();
    jobs.arrivedMs[job] = this.#clock();
    jobs.class[job] = requestClass;
    jobs.balancer[job] = balancer.index;
    jobs.client[job] = jobs.slot[job] = -1;
    jobs.attempts[job] = 0;
    jobs.cost[job] = jobs.waitMs[job] = jobs.heldMs[job] = jobs.streamMs[job] = 0;
    return job;
  }

  /** A request goes to the host of a slot. */
  begin(job: number, balancer: FleetBalancer, slot: number): void {
    const jobs = this.#jobs;
    const nowMs = this.#clock();
    const expected = balancer.expectedCost(jobs.class[job] as number);
    jobs.expected[job] = expected;
    jobs.slot[job] = slot;
    jobs.host[job] = balancer.hostOf[slot] as number;
    jobs.sentMs[job] = nowMs;
    jobs.attempts[job] = (jobs.attempts[job] as number) + 1;
    balancer.begin(slot, expected, nowMs, (jobs.streamMs[job] as number) > 0);
  }

  /** Tells the balancer how an attempt has ended: when the host has done its work, whatever its client still does. */
  end(job: number, balancer: FleetBalancer, outcome: OutcomeKind, status: number): void {
    const jobs = this.#jobs;
    balancer.end(
      jobs.slot[job] as number,
      jobs.class[job] as number,
      jobs.expected[job] as number,
      jobs.sentMs[job] as number,
      outcome,
      status,
      this.#clock(),
      (jobs.streamMs[job] as number) > 0,
    );
  }

  /** The balancer of a request; undefined if it has died. */
  balancerOf(job: number): FleetBalancer | undefined {
    return this.#balancers[this.#jobs.balancer[job] as number];
  }
}
