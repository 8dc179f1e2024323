// What the balancers of a simulation need from its other parts.

import type { EventQueue } from './event-queue.js';
import type { HostMachines } from './host-machines.js';
import type { Processors } from './processors.js';
import type { RedisServer } from './redis-server.js';
import type { Scenario } from './scenario.js';

/** Options of the fleet. */
export interface SimulatedFleetOptions {
  readonly scenario: Scenario;
  readonly balancers: number;
  readonly seed: number;
  readonly machines: HostMachines;
  readonly queue: EventQueue;
  readonly clock: () => number;
  /** Whether figures are exchanged: peers that use none run without. */
  readonly hasExchange: boolean;
  /** The CPU of balancers and of Redis; null or absent: they need none. */
  readonly processors?: Processors | null;
  readonly redis?: RedisServer | null;
}
