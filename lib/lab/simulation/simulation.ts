// One run: one policy, one number of balancers, one load, from the first request to the end of the last. Hosts, balancers and
// requests (requests.ts) take their turns in virtual time. Invariant: departures, events and arrivals come in time order.

import { Arrivals, type RequestSource } from './arrivals.js';
import { Clients } from './clients.js';
import { ColdCaches } from './cold-caches.js';
import { EventQueue } from './event-queue.js';
import type { FleetBalancer } from './fleet-balancer.js';
import { GivenArrivals } from './given-requests.js';
import { absentAtStart, hostChangesOf } from './host-changes.js';
import { HOST_ABSENT, HOST_UP, HostMachines } from './host-machines.js';
import { Measure } from './measure.js';
import { NoisyNeighbours } from './neighbours.js';
import { createPickers } from './pickers.js';
import { Processors } from './processors.js';
import { RedisServer } from './redis-server.js';
import { Requests } from './requests.js';
import { ResourceMeter } from './resource-use.js';
import type { NeighbourMove, RunOptions, RunOutcome } from './run-options.js';
import { planEvents } from './scenario-events.js';
import type { Restart, Scenario } from './scenario.js';
import { SimulatedFleet } from './simulated-fleet.js';
import { ticksOf } from './ticks.js';
import { TrueState } from './true-state.js';

/** Requests between two progress reports. */
const PROGRESS_EVERY = 16_384;

/** Time from the goodbye of a host that leaves until it is gone: its requests end meanwhile. */
const LEAVE_MS = 5000;

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
  readonly #arrivals: RequestSource;
  /** Null if requests are drawn. */
  readonly #given: GivenArrivals | null;
  readonly #clients: Clients;
  readonly #measure: Measure;
  readonly #neighbours: NoisyNeighbours;
  readonly #fleet: SimulatedFleet;
  readonly #requests: Requests;
  /** The CPU of balancers; null if they need none. */
  readonly #processors: Processors | null;
  readonly #drainMs: number;
  readonly #neighbourMoves: readonly NeighbourMove[];
  /** All and open requests when the measured time begins. */
  #countBefore = 0;
  #openBefore = 0;
  /** Requests that came to each balancer. */
  readonly #arrived: Int32Array;
  readonly #meter: ResourceMeter;
  /** The live balancers. */
  #living: readonly FleetBalancer[];

  constructor({
    scenario,
    policy,
    balancers,
    load,
    seed,
    pickSeed = seed,
    onProgress,
    drainMs,
    neighbourMoves = [],
    tickMs = 0,
    requests,
  }: RunOptions) {
    const clock = (): number => this.#nowMs;
    const queue = this.#queue;
    this.#scenario = scenario;
    this.#onProgress = onProgress ?? (() => undefined);
    this.#neighbourMoves = neighbourMoves;
    this.#drainMs = drainMs ?? Number.POSITIVE_INFINITY;
    const machines = new HostMachines(scenario.hosts.flatMap(({ count, ...machine }) => Array.from({ length: count }, () => machine)));
    const caches = new ColdCaches(machines.count);
    this.#machines = machines;
    this.#caches = caches;
    for (const host of absentAtStart(scenario)) machines.setStanding(host, HOST_ABSENT, 0);
    this.#given = requests === undefined ? null : new GivenArrivals(requests);
    this.#arrivals = this.#given ?? new Arrivals(scenario, load, seed);
    this.#clients = new Clients({
      rules: scenario.clients,
      balancers,
      seed,
      queue,
      clock,
      onBroken: (clients) => this.#requests.losses.breakClients(clients),
    });
    this.#measure = new Measure(scenario);
    this.#neighbours = new NoisyNeighbours(machines, queue, clock, scenario.neighbours, seed);
    const hasExchange = policy === 'adaptive';
    const { balancerCost: cost, redisCost } = scenario;
    const processors = cost === null ? null : new Processors(balancers, cost, clock, seed);
    const redis = redisCost === null ? null : new RedisServer(redisCost);
    this.#processors = processors;
    this.#arrived = new Int32Array(balancers);
    this.#fleet = new SimulatedFleet({ scenario, balancers, seed, machines, queue, clock, hasExchange, processors, redis });
    this.#meter = new ResourceMeter({
      processors,
      redis,
      network: this.#fleet.network,
      cost,
      isEven: scenario.clients.by === 'even',
      requests: this.#arrived,
      master: () => this.#fleet.masterIndex,
    });
    this.#living = this.#fleet.balancers;
    this.#requests = new Requests({
      classes: scenario.requests,
      deadlineMs: scenario.deadlineMs,
      machines,
      caches,
      queue,
      clock,
      arrivals: this.#arrivals,
      measure: this.#measure,
      balancers: this.#fleet.balancers,
      balancerCost: processors === null || cost === null ? null : { processors, cost },
      ticks: tickMs === 0 ? null : ticksOf(seed, tickMs),
      createPickers: (costNow) =>
        createPickers({
          name: policy,
          scenario,
          seed: pickSeed,
          machines,
          state: new TrueState(machines, caches),
          queue,
          balancers: this.#fleet.balancers,
          delayMs: (messages) => this.#fleet.network.directMs(messages),
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
      this.#arrive();
      if (requests.count % PROGRESS_EVERY === 0) this.#onProgress(requestCount === null ? this.#nowMs / endMs : requests.count / most);
    }
    if (endMs !== Number.POSITIVE_INFINITY) {
      this.#runUntil(endMs);
      this.#nowMs = endMs;
    }
    this.#measure.finish(this.#machines, this.#nowMs);
    const use = this.#meter.finish(this.#nowMs);
    const backlog = (requests.open - this.#openBefore) / Math.max(1, requests.count - this.#countBefore);
    requests.endStreams();
    // Finish the requests in flight.
    const lastMs = this.#nowMs + this.#drainMs;
    while (requests.open > 0 && this.#nowMs <= lastMs) this.#step();
    requests.losses.giveUp();
    return {
      measure: this.#measure,
      requests: requests.count,
      answered: requests.answered,
      errors: requests.errors,
      refused: requests.refused,
      retries: requests.retries,
      messages: this.#fleet.network.sent,
      direct: this.#fleet.network.direct,
      use,
      backlog,
      endMs: this.#nowMs,
    };
  }

  #start(warmUpMs: number): void {
    const queue = this.#queue;
    this.#neighbours.start();
    this.#fleet.start();
    const startMeasure = (): void => {
      this.#measure.start(this.#machines, this.#nowMs);
      this.#meter.start(this.#nowMs);
      this.#countBefore = this.#requests.count;
      this.#openBefore = this.#requests.open;
    };
    for (const { atMs, host, taken } of this.#neighbourMoves) queue.schedule(atMs, () => this.#neighbours.force(host, taken), 0, undefined);
    queue.schedule(warmUpMs, startMeasure, 0, undefined);
    planEvents(this.#scenario.events, queue, this.#machines.count, {
      takeCores: (host, cores) => this.#neighbours.force(host, cores),
      setStanding: (host, standing) => this.#setStanding(host, standing),
      restarted: (host, restart) => this.#onRestarted(host, restart),
      kill: (index) => this.#kill(index),
      revive: (index) => this.#revive(index),
      killMaster: () => this.#kill(this.#fleet.masterIndex),
      loseRedis: (forMs) => this.#fleet.loseRedis(forMs),
      livingBalancers: () => this.#living.map(({ index }) => index),
    });
    for (const { atMs, host, exists } of hostChangesOf(this.#scenario))
      if (atMs > 0) queue.schedule(atMs, exists ? this.#onJoin : this.#onLeave, host, undefined);
    this.#requests.openStreams(this.#living);
  }

  #runUntil(untilMs: number): void {
    while (this.#machines.nextDepartureMs <= untilMs || this.#queue.nextMs <= untilMs || this.#turnMs <= untilMs) this.#step();
  }

  /** When a balancer's processor is due. */
  get #turnMs(): number {
    return this.#processors === null ? Number.POSITIVE_INFINITY : this.#processors.nextMs;
  }

  /** Processes the next departure, event or turn of a balancer, whichever is first. */
  #step(): void {
    const departureMs = this.#machines.nextDepartureMs;
    const turnMs = this.#turnMs;
    if (this.#processors !== null && turnMs < departureMs && turnMs < this.#queue.nextMs) {
      this.#nowMs = turnMs;
      this.#processors.runNext();
    } else if (departureMs <= this.#queue.nextMs) {
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

  /** The next request comes to a balancer. */
  #arrive(): void {
    const index = this.#given?.to ?? this.#clients.next();
    const balancer = this.#fleet.balancers[index];
    if (balancer === undefined) {
      this.#requests.lose();
      return;
    }
    this.#arrived[index] = (this.#arrived[index] as number) + 1;
    this.#requests.arrive(balancer, this.#clients.client);
  }

  /** Kills a balancer with all its client connections; clients then use the others. */
  #kill(index: number): void {
    if (index < 0) return;
    this.#fleet.kill(index);
    this.#requests.losses.onDeath(index);
    this.#count();
  }

  /** A balancer that has died is back. */
  #revive(index: number): void {
    if (this.#fleet.balancers[index]?.isAlive !== false) return;
    this.#fleet.revive(index);
    this.#count();
  }

  /** Counts the living. */
  #count(): void {
    this.#living = this.#fleet.balancers.filter(({ isAlive }) => isAlive);
    this.#clients.onChange(this.#living.map(({ index }) => index));
  }
}
