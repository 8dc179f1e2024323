// The turns of requests at the traffic thread of their balancer: one before a host is picked, one after its answer. With
// balancers that need no CPU there are none. Invariant: each request has one turn at a time, and the thread takes them in order.

import type { BalancerCost } from './balancer-cost.js';
import { TRAFFIC_THREAD, type Processor } from './processor.js';
import type { Processors } from './processors.js';

/** What a turn needs. */
export interface TrafficTurnsOptions {
  readonly processors: Processors;
  readonly cost: BalancerCost;
  /** The balancer has read the request, and picks a host that is not in the slot `excluded`. */
  readonly onRead: (job: number, excluded: number) => void;
  /** The balancer has passed the host's answer on. */
  readonly onPassed: (job: number) => void;
}

/** All turns. */
export class TrafficTurns {
  /** Requests that were refused, since too many waited. */
  refused = 0;
  readonly #options: TrafficTurnsOptions;
  readonly #beforeMicros: number;
  readonly #afterMicros: number;

  constructor(options: TrafficTurnsOptions) {
    const { requestMicros, afterShare } = options.cost;
    this.#options = options;
    this.#afterMicros = requestMicros * afterShare;
    this.#beforeMicros = requestMicros - this.#afterMicros;
  }

  /** Whether a balancer takes another request; if not, counts it as refused. */
  admits(balancer: number): boolean {
    const { processors, cost } = this.#options;
    if ((processors.each[balancer] as Processor).waiting(TRAFFIC_THREAD) < cost.queueLimit) return true;
    this.refused++;
    return false;
  }

  /** A request waits for its host to be picked: `onRead`. */
  before(job: number, balancer: number, excluded: number): void {
    this.#options.processors.add(balancer, TRAFFIC_THREAD, this.#beforeMicros, this.#options.onRead, job, excluded);
  }

  /** An answer waits to be passed on: `onPassed`. */
  after(job: number, balancer: number): void {
    if (this.#afterMicros === 0) this.#options.onPassed(job);
    else this.#options.processors.add(balancer, TRAFFIC_THREAD, this.#afterMicros, this.#options.onPassed, job, undefined);
  }
}
