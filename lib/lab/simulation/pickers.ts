// Creates the pickers for a policy name.

import type { Algorithm, Policy } from '../../model.js';
import { createPolicy } from '../../routing/policy.js';
import { Random } from '../../routing/random.js';
import { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import type { HostMachines } from './host-machines.js';
import { Omniscient, OmniscientWork } from './omniscient.js';
import { HostLatencies } from './peers/host-latencies.js';
import { LeastLoaded } from './peers/least-loaded.js';
import { LocalLeastConnections } from './peers/local-least-connections.js';
import { PolledTwoChoices } from './peers/polled-two-choices.js';
import { ProbePool, type ProbeRule } from './peers/probe-pool.js';
import { C3, HotCold, Linear } from './peers/probe-rules.js';
import { RandomHost } from './peers/random-host.js';
import { UsageWeights, WeightedRoundRobin } from './peers/weighted-round-robin.js';
import type { RivalName } from './policy-names.js';
import { aloneMsOf, type Scenario } from './scenario.js';
import type { TrueState } from './true-state.js';

/** Options for pickers. */
export interface PickerOptions {
  readonly name: RivalName | Algorithm;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly machines: HostMachines;
  /** What omniscient policies see. */
  readonly state: TrueState;
  readonly queue: EventQueue;
  readonly balancers: readonly FleetBalancer[];
  /** Counts messages of a peer and draws their delay. */
  readonly delayMs: (messages?: number) => number;
  /** The true cost of the current request, for omniscient policies. */
  readonly costNow: () => number;
}

/** Receives every response: what its host had in flight when it arrived, and how long it took. */
export interface ResponseObserver {
  onDone(host: number, behind: number, tookMs: number, nowMs: number): void;
}

/** The pickers of all balancers. */
export interface Pickers {
  readonly pickers: readonly Picker[];
  /** If not null, must be notified of every completed request. */
  readonly observer: ResponseObserver | null;
}

/** Creates a picker for each balancer, each with its own random stream. */
export function createPickers({ name, scenario, seed, machines, state, queue, balancers, delayMs, costNow }: PickerOptions): Pickers {
  const draws = (index: number): Draws => new Draws(seed, 100_000 + index);
  const all = (create: (balancer: FleetBalancer) => Picker): Pickers => ({ pickers: balancers.map(create), observer: null });
  const probing = (createRule: () => ProbeRule): Pickers => {
    const latencies = new HostLatencies(machines);
    const { probes } = scenario;
    const create = (balancer: FleetBalancer): Picker =>
      new ProbePool({ rule: createRule(), probes, machines, latencies, queue, draws: draws(balancer.index), balancer, delayMs });
    return { pickers: balancers.map(create), observer: latencies };
  };
  switch (name) {
    case 'omniscient':
      return all((balancer) => new Omniscient(state, draws(balancer.index), balancer));
    case 'omniscient-work':
      return all((balancer) => new OmniscientWork(state, draws(balancer.index), balancer, costNow));
    case 'local-least-connections':
      return all((balancer) => new LocalLeastConnections(draws(balancer.index)));
    case 'prequal':
      return probing(() => new HotCold(scenario.hotQuantile));
    case 'linear':
      return probing(() => new Linear(aloneMsOf(scenario)));
    case 'c3':
      return probing(() => new C3(balancers.length));
    case 'least-loaded':
      return all((balancer) => new LeastLoaded(draws(balancer.index)));
    case 'random':
      return all(({ index }) => new RandomHost(draws(index)));
    case 'yarp-two-choices':
      return all((balancer) => new PolledTwoChoices({ machines, queue, draws: draws(balancer.index), balancer, delayMs }));
    case 'weighted-round-robin': {
      const usage = new UsageWeights(machines, queue);
      return { pickers: balancers.map((balancer) => new WeightedRoundRobin(usage, draws(balancer.index), balancer)), observer: usage };
    }
    default:
      return all(({ index }) => asPicker(createPolicy(name, new Random(Math.imul(seed, 7919) + index))));
  }
}

/** A policy of the product, which picks apart for long-lived requests where it can. */
function asPicker(policy: Policy): Picker {
  return {
    pick: (view, nowMs, excluded, cost, isLongLived) =>
      isLongLived && policy.pickLongLived !== undefined
        ? policy.pickLongLived(view, nowMs, excluded)
        : policy.pick(view, nowMs, excluded, cost),
  };
}
