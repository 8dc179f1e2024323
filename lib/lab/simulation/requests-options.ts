// What the requests of a run need from its other parts.

import type { RequestSource } from './arrivals.js';
import type { BalancerCost } from './balancer-cost.js';
import type { ColdCaches } from './cold-caches.js';
import type { EventQueue } from './event-queue.js';
import type { FleetBalancer } from './fleet-balancer.js';
import type { HostMachines } from './host-machines.js';
import type { Measure } from './measure.js';
import type { Pickers } from './pickers.js';
import type { Processors } from './processors.js';
import type { RequestClass } from './scenario.js';
import type { Ticks } from './ticks.js';

/** What the requests of a run need. */
export interface RequestsOptions {
  readonly classes: readonly RequestClass[];
  /** Clients give up after this time. */
  readonly deadlineMs: number;
  readonly machines: HostMachines;
  readonly caches: ColdCaches;
  readonly queue: EventQueue;
  readonly clock: () => number;
  readonly arrivals: RequestSource;
  readonly measure: Measure;
  readonly balancers: readonly FleetBalancer[];
  /** What requests cost balancers; null: nothing. */
  readonly balancerCost: { readonly processors: Processors; readonly cost: BalancerCost } | null;
  /** When clients send, and hosts answer; null: at once. */
  readonly ticks: { readonly clients: Ticks; readonly hosts: Ticks } | null;
  /** Creates the pickers, given the true cost of the current request. */
  readonly createPickers: (costNow: () => number) => Pickers;
}
