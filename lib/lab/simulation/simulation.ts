// One run: one policy, one number of balancers, one load, from the first request to the end of the last. Hosts, balancers and
// requests (requests.ts) take their turns in virtual time. Invariant: departures, events and arrivals come in time order.

import type { Algorithm } from '../../model.js';
import { Arrivals } from './arrivals.js';
import { ColdCaches } from './cold-caches.js';
import { Draws } from './draws.js';
import { EventQueue } from './event-queue.js';
import type { FleetBalancer } from './fleet-balancer.js';
import { absentAtStart, hostChangesOf } from './host-changes.js';
import { HOST_ABSENT, HOST_UP, HostMachines } from './host-machines.js';
import { Measure } from './measure.js';
import { NoisyNeighbours } from './neighbours.js';
import { createPickers } from './pickers.js';
import type { RivalName } from './policy-names.js';
import { Requests } from './requests.js';
import { planEvents } from './scenario-events.js';
import type { Restart, Scenario } from './scenario.js';
import { SimulatedFleet } from './simulated-fleet.js';
import { TrueState } from './true-state.js';

/** Requests between two progress reports. */
const PROGRESS_EVERY = 16_384;

/** Time from the goodbye of a host that leaves until it is gone: its requests end meanwhile. */
const LEAVE_MS = 5000;

/** Options of a run. */
export interface RunOptions {
  readonly scenario: Scenario;
  readonly policy: RivalName | Algorithm;
  readonly balancers: number;
  readonly load: number;
  readonly seed: number;
  /** Seed of the policy's own draws; by default `seed`. With another one the requests stay the same. */
  readonly pickSeed?: number;
  /** Called now and then with the completed share (0..1) of the run. */
  readonly onProgress?: (share: number) => void;
}

/** The result of a run. */
export interface RunOutcome {
  readonly measure: Measure;
  /** All requests, including streams and those of the warm-up; each one was answered or is an error. */
  readonly requests: number;
  readonly answered: number;
  /** Requests without an answer, or with a wrong one. */
  readonly errors: number;
  readonly retries: number;
  /** Messages between agents, balancers and master. */
  readonly messages: number;
  /** Virtual time at the end. */
  readonly endMs: number;
}

/** Runs a simulation to its end. */
export function runSimulation(options: RunOptions): RunOutcome {
  return new Simulation(options).run();
}

class Simulation {
  #nowMs = 0;
  readonly #scenario: Scenario;
  readonly #onProgress: (share: number) => void;
  readonly #queue = new EventQueue();
  readonly #machines: HostMachines;
  readonly #caches: ColdCaches;
  readonly #arrivals: Arrivals;
  readonly #clients: Draws;
  readonly #measure: Measure;
  readonly #neighbours: NoisyNeighbours;
  readonly #fleet: SimulatedFleet;
  readonly #requests: Requests;
  /** The live balancers. */
  #living: readonly FleetBalancer[];

  constructor({ scenario, policy, balancers, load, seed, pickSeed = seed, onProgress }: RunOptions) {
    const clock = (): number => this.#nowMs;
    const queue = this.#queue;
    this.#scenario = scenario;
    this.#onProgress = onProgress ?? (() => undefined);
    const machines = new HostMachines(scenario.hosts.flatMap(({ count, ...machine }) => Array.from({ length: count }, () => machine)));
    const caches = new ColdCaches(machines.count);
    this.#machines = machines;
    this.#caches = caches;
    for (const host of absentAtStart(scenario)) machines.setStanding(host, HOST_ABSENT, 0);
    this.#arrivals = new Arrivals(scenario, load, seed);
    this.#clients = new Draws(seed, 3);
    this.#measure = new Measure(scenario);
    this.#neighbours = new NoisyNeighbours(machines, queue, clock, scenario.neighbours, seed);
    const hasExchange = policy === 'adaptive';
    this.#fleet = new SimulatedFleet({ scenario, balancers, seed, machines, queue, clock, hasExchange });
    this.#living = this.#fleet.balancers;
    this.#requests = new Requests({
      classes: scenario.requests,
      machines,
      caches,
      queue,
      clock,
      arrivals: this.#arrivals,
      measure: this.#measure,
      balancers: this.#fleet.balancers,
      createPickers: (costNow) =>
        createPickers({
          name: policy,
          seed: pickSeed,
          machines,
          state: new TrueState(machines, caches),
          queue,
          balancers: this.#fleet.balancers,
          delayMs: () => this.#fleet.network.delayMs(),
          costNow,
        }),
    });
  }

  run(): RunOutcome {
    const { warmUpMs, durationMs, requestCount } = this.#scenario;
    const requests = this.#requests;
    const endMs = requestCount === null ? warmUpMs + durationMs : Number.POSITIVE_INFINITY;
    const most = requestCount ?? Number.POSITIVE_INFINITY;
    this.#start(warmUpMs);
    while (requests.count < most && this.#arrivals.nextMs < endMs) {
      this.#runUntil(this.#arrivals.nextMs);
      this.#nowMs = this.#arrivals.nextMs;
      requests.arrive(this.#living[this.#clients.below(this.#living.length)] as FleetBalancer);
      if (requests.count % PROGRESS_EVERY === 0) this.#onProgress(requestCount === null ? this.#nowMs / endMs : requests.count / most);
    }
    if (endMs !== Number.POSITIVE_INFINITY) {
      this.#runUntil(endMs);
      this.#nowMs = endMs;
    }
    this.#measure.finish(this.#machines, this.#nowMs);
    requests.endStreams();
    // Finish the requests in flight.
    while (requests.open > 0) this.#step();
    return {
      measure: this.#measure,
      requests: requests.count,
      answered: requests.answered,
      errors: requests.errors,
      retries: requests.retries,
      messages: this.#fleet.network.sent,
      endMs: this.#nowMs,
    };
  }

  #start(warmUpMs: number): void {
    const queue = this.#queue;
    this.#neighbours.start();
    this.#fleet.start();
    queue.schedule(warmUpMs, () => this.#measure.start(this.#machines, this.#nowMs), 0, undefined);
    planEvents(this.#scenario.events, queue, this.#machines.count, {
      takeCores: (host, cores) => this.#neighbours.force(host, cores),
      setStanding: (host, standing) => this.#setStanding(host, standing),
      restarted: (host, restart) => this.#onRestarted(host, restart),
      kill: (index) => this.#kill(index),
      killMaster: () => this.#kill(this.#fleet.masterIndex),
      loseRedis: (forMs) => this.#fleet.loseRedis(forMs),
      livingBalancers: () => this.#living.map(({ index }) => index),
    });
    for (const { atMs, host, exists } of hostChangesOf(this.#scenario))
      if (atMs > 0) queue.schedule(atMs, exists ? this.#onJoin : this.#onLeave, host, undefined);
    this.#requests.openStreams(this.#living);
  }

  #runUntil(untilMs: number): void {
    while (this.#machines.nextDepartureMs <= untilMs || this.#queue.nextMs <= untilMs) this.#step();
  }

  /** Processes the next departure or event, whichever is first. */
  #step(): void {
    const departureMs = this.#machines.nextDepartureMs;
    if (departureMs <= this.#queue.nextMs) {
      this.#nowMs = departureMs;
      this.#requests.depart();
    } else {
      this.#nowMs = this.#queue.nextMs;
      this.#queue.runNext();
    }
  }

  /** Changes the state of a host that exists. */
  #setStanding(host: number, standing: number): void {
    if (this.#machines.standing[host] !== HOST_ABSENT) this.#requests.setStanding(host, standing);
  }

  /** A host is about to come back from a restart. */
  #onRestarted(host: number, { coldCost, warmMs, speed }: Restart): void {
    this.#machines.speed[host] = (this.#machines.speed[host] as number) * speed;
    this.#caches.chill(host, coldCost, warmMs, this.#nowMs);
  }

  /** A host appears, and its agent reports at once. */
  readonly #onJoin = (host: number): void => {
    this.#requests.setStanding(host, HOST_UP);
    this.#fleet.agents.join(host);
  };

  /** A host's agent says goodbye; once every balancer knows, the host disappears. */
  readonly #onLeave = (host: number): void => {
    this.#fleet.agents.leave(host);
    this.#queue.schedule(this.#nowMs + LEAVE_MS, this.#onLeft, host, undefined);
  };

  readonly #onLeft = (host: number): void => this.#requests.setStanding(host, HOST_ABSENT);

  /** Kills a balancer with all its client connections; clients then use the others. */
  #kill(index: number): void {
    if (index < 0) return;
    this.#fleet.kill(index);
    this.#living = this.#fleet.balancers.filter(({ isAlive }) => isAlive);
    this.#requests.onDeath(index);
  }
}
