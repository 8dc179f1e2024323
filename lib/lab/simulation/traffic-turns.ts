// The turns of requests at the traffic thread of their balancer: one before a host is picked, one after its answer. With
// balancers that need no CPU there are none. Clients keep their connections, and open another one if none is free. Invariant:
// each request has one turn at a time, and the thread takes them in order.

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
  /** Open requests and connections of each balancer. A request that fails takes its connection with it, and counts in both. */
  readonly #open: number[];
  readonly #connections: number[];

  constructor(options: TrafficTurnsOptions) {
    const { requestMicros, afterShare } = options.cost;
    this.#options = options;
    this.#afterMicros = requestMicros * afterShare;
    this.#open = options.processors.each.map(() => 0);
    this.#connections = options.processors.each.map(() => 0);
    this.#beforeMicros = requestMicros - this.#afterMicros;
  }

  /** Whether a balancer takes another request; if not, counts it as refused. */
  admits(balancer: number): boolean {
    const { processors, cost } = this.#options;
    if ((processors.each[balancer] as Processor).waiting(TRAFFIC_THREAD) < cost.queueLimit) return true;
    this.refused++;
    return false;
  }

  /** A request that has come waits for its host to be picked: `onRead`. */
  first(job: number, balancer: number): void {
    const { connectMicros, connectionLimit } = this.#options.cost;
    const open = ((this.#open[balancer] as number) += 1);
    const connections = this.#connections[balancer] as number;
    const isNew = open > connections && connections < connectionLimit;
    if (isNew) this.#connections[balancer] = connections + 1;
    this.#add(job, balancer, -1, this.#beforeMicros + (isNew ? connectMicros : 0));
  }

  /** A request waits for another host, not the one in the slot `excluded`, to be picked: `onRead`. */
  again(job: number, balancer: number, excluded: number): void {
    this.#add(job, balancer, excluded, this.#beforeMicros);
  }

  /** An answer waits to be passed on: `onPassed`. */
  after(job: number, balancer: number): void {
    if (this.#afterMicros === 0) this.#onPassed(job, balancer);
    else this.#options.processors.add(balancer, TRAFFIC_THREAD, this.#afterMicros, this.#onPassed, job, balancer);
  }

  /** The connection is free. */
  readonly #onPassed = (job: number, balancer: number): void => {
    this.#open[balancer] = (this.#open[balancer] as number) - 1;
    this.#options.onPassed(job);
  };

  #add(job: number, balancer: number, excluded: number, micros: number): void {
    this.#options.processors.add(balancer, TRAFFIC_THREAD, micros, this.#options.onRead, job, excluded);
  }
}
