// Creates the pickers for a policy name.

import type { Algorithm } from '../../model.js';
import { createPolicy } from '../../routing/policy.js';
import { Random } from '../../routing/random.js';
import { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import type { HostMachines } from './host-machines.js';
import { LocalLeastConnections } from './local-least-connections.js';
import { Omniscient, OmniscientWork } from './omniscient.js';
import type { RivalName } from './policy-names.js';
import { Prequal, ProbeAnswers } from './prequal.js';
import type { TrueState } from './true-state.js';

/** Options for pickers. */
export interface PickerOptions {
  readonly name: RivalName | Algorithm;
  readonly seed: number;
  readonly machines: HostMachines;
  /** What omniscient policies see. */
  readonly state: TrueState;
  readonly queue: EventQueue;
  readonly balancers: readonly FleetBalancer[];
  /** Draws the delay of a message. */
  readonly delayMs: () => number;
  /** The true cost of the current request, for omniscient policies. */
  readonly costNow: () => number;
}

/** The pickers of all balancers. */
export interface Pickers {
  readonly pickers: readonly Picker[];
  /** If not null, must be notified of every completed request. */
  readonly answers: ProbeAnswers | null;
}

/** Creates a picker for each balancer, each with its own random stream. */
export function createPickers({ name, seed, machines, state, queue, balancers, delayMs, costNow }: PickerOptions): Pickers {
  const draws = (index: number): Draws => new Draws(seed, 100_000 + index);
  const all = (create: (balancer: FleetBalancer) => Picker): Pickers => ({ pickers: balancers.map(create), answers: null });
  switch (name) {
    case 'omniscient':
      return all((balancer) => new Omniscient(state, draws(balancer.index), balancer));
    case 'omniscient-work':
      return all((balancer) => new OmniscientWork(state, draws(balancer.index), balancer, costNow));
    case 'local-least-connections':
      return all((balancer) => new LocalLeastConnections(draws(balancer.index), balancer));
    case 'prequal': {
      const answers = new ProbeAnswers(machines);
      return {
        pickers: balancers.map((balancer) => new Prequal({ machines, answers, queue, draws: draws(balancer.index), balancer, delayMs })),
        answers,
      };
    }
    default:
      return all(({ index }) => createPolicy(name, new Random(Math.imul(seed, 7919) + index)));
  }
}
