// One run: one policy, one number of balancers, one load, from the first request to the end of the last. A request is
// handled as in lib/traffic/request/exchange.ts, in virtual time: pick, send, and on failure at most one retry on another
// host. Invariant: every request ends exactly once, with an answer or an error.

import type { Algorithm } from '../../model.js';
import { mayRetry, type OutcomeKind } from '../../routing/retry.js';
import { TRAFFIC_DEFAULTS } from '../../config/traffic-config.js';
import { Arrivals } from './arrivals.js';
import { Draws } from './draws.js';
import { EventQueue } from './event-queue.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import { HOST_ERRS, HOST_REFUSES, HOST_SILENT, HOST_UP, HostMachines, isStanding } from './host-machines.js';
import { Jobs } from './jobs.js';
import { Measure } from './measure.js';
import { NoisyNeighbours } from './neighbours.js';
import { createPickers, type ResponseObserver } from './pickers.js';
import type { RivalName } from './policy-names.js';
import { planEvents } from './scenario-events.js';
import type { Scenario } from './scenario.js';
import { SimulatedFleet } from './simulated-fleet.js';

/** Requests between two progress reports. */
const PROGRESS_EVERY = 16_384;

/** Response time of a host that does no work. */
const NOTHING_MS = 0.5;

/** Size of a normal response; an empty one has 0 bytes. */
const ANSWER_BYTES = 1000;

/** Options of a run. */
export interface RunOptions {
  readonly scenario: Scenario;
  readonly policy: RivalName | Algorithm;
  readonly balancers: number;
  readonly load: number;
  readonly seed: number;
  /** Called now and then with the completed share (0..1) of the run. */
  readonly onProgress?: (share: number) => void;
}

/** The result of a run. */
export interface RunOutcome {
  readonly measure: Measure;
  /** All requests, including the warm-up; each one was answered or is an error. */
  readonly requests: number;
  readonly answered: number;
  /** Requests without an answer, or with a wrong one. */
  readonly errors: number;
  readonly retries: number;
  /** Messages between agents, balancers and master. */
  readonly messages: number;
  /** Messages of a peer of its own, such as probes and their answers. */
  readonly direct: number;
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
  readonly #jobs = new Jobs();
  readonly #machines: HostMachines;
  readonly #arrivals: Arrivals;
  readonly #clients: Draws;
  readonly #measure: Measure;
  readonly #neighbours: NoisyNeighbours;
  readonly #fleet: SimulatedFleet;
  readonly #pickers: readonly Picker[];
  readonly #observer: ResponseObserver | null;
  readonly #methods: readonly string[];
  /** The live balancers. */
  #living: readonly FleetBalancer[];
  #trueCost = 0;
  #requests = 0;
  #answered = 0;
  #errors = 0;
  #retries = 0;

  constructor({ scenario, policy, balancers, load, seed, onProgress }: RunOptions) {
    const clock = (): number => this.#nowMs;
    this.#scenario = scenario;
    this.#onProgress = onProgress ?? (() => undefined);
    this.#machines = new HostMachines(scenario.hosts.flatMap(({ count, ...machine }) => Array.from({ length: count }, () => machine)));
    this.#arrivals = new Arrivals(scenario, load, seed);
    this.#clients = new Draws(seed, 3);
    this.#measure = new Measure(scenario);
    this.#neighbours = new NoisyNeighbours(this.#machines, this.#queue, clock, scenario.neighbours, seed);
    const hasExchange = policy === 'adaptive';
    this.#fleet = new SimulatedFleet({ scenario, balancers, seed, machines: this.#machines, queue: this.#queue, clock, hasExchange });
    this.#living = this.#fleet.balancers;
    const { pickers, observer } = createPickers({
      name: policy,
      scenario,
      seed,
      machines: this.#machines,
      queue: this.#queue,
      balancers: this.#fleet.balancers,
      delayMs: (messages) => this.#fleet.network.directMs(messages),
      costNow: () => this.#trueCost,
    });
    this.#pickers = pickers;
    this.#observer = observer;
    this.#methods = scenario.requests.map(({ request }) => request.split(' ')[0] as string);
  }

  run(): RunOutcome {
    const { warmUpMs, durationMs, requestCount } = this.#scenario;
    const endMs = requestCount === null ? warmUpMs + durationMs : Number.POSITIVE_INFINITY;
    const most = requestCount ?? Number.POSITIVE_INFINITY;
    this.#start(warmUpMs);
    while (this.#requests < most && this.#arrivals.nextMs < endMs) {
      this.#runUntil(this.#arrivals.nextMs);
      this.#nowMs = this.#arrivals.nextMs;
      this.#arrive();
      if (this.#requests % PROGRESS_EVERY === 0) this.#onProgress(requestCount === null ? this.#nowMs / endMs : this.#requests / most);
    }
    if (endMs !== Number.POSITIVE_INFINITY) {
      this.#runUntil(endMs);
      this.#nowMs = endMs;
    }
    this.#measure.finish(this.#machines, this.#nowMs);
    // Finish the requests in flight.
    while (this.#jobs.open > 0) this.#step();
    return {
      measure: this.#measure,
      requests: this.#requests,
      answered: this.#answered,
      errors: this.#errors,
      retries: this.#retries,
      messages: this.#fleet.network.sent,
      direct: this.#fleet.network.direct,
      endMs: this.#nowMs,
    };
  }

  #start(warmUpMs: number): void {
    this.#neighbours.start();
    this.#fleet.start();
    this.#queue.schedule(warmUpMs, () => this.#measure.start(this.#machines, this.#nowMs), 0, undefined);
    planEvents(this.#scenario.events, this.#queue, this.#machines.count, {
      takeCores: (host, cores) => this.#neighbours.force(host, cores),
      setStanding: (host, standing) => this.#setStanding(host, standing),
      kill: (index) => this.#kill(index),
      killMaster: () => this.#kill(this.#fleet.masterIndex),
      loseRedis: (forMs) => this.#fleet.loseRedis(forMs),
      livingBalancers: () => this.#living.map(({ index }) => index),
    });
  }

  #runUntil(untilMs: number): void {
    while (this.#machines.nextDepartureMs <= untilMs || this.#queue.nextMs <= untilMs) this.#step();
  }

  /** Processes the next departure or event, whichever is first. */
  #step(): void {
    const departureMs = this.#machines.nextDepartureMs;
    if (departureMs <= this.#queue.nextMs) {
      this.#nowMs = departureMs;
      this.#finish(this.#machines.depart(this.#jobs.cost));
    } else {
      this.#nowMs = this.#queue.nextMs;
      this.#queue.runNext();
    }
  }

  #arrive(): void {
    const jobs = this.#jobs;
    const job = jobs.take();
    const balancer = this.#living[this.#clients.below(this.#living.length)] as FleetBalancer;
    jobs.arrivedMs[job] = this.#nowMs;
    jobs.cost[job] = this.#arrivals.cost;
    jobs.class[job] = this.#arrivals.class;
    jobs.balancer[job] = balancer.index;
    jobs.attempts[job] = 0;
    this.#requests++;
    this.#arrivals.next();
    const { deadlineMs } = this.#scenario;
    if (deadlineMs < Number.POSITIVE_INFINITY) this.#queue.schedule(this.#nowMs + deadlineMs, this.#onDeadline, job, this.#nowMs);
    balancer.budget.onRequest(this.#nowMs);
    this.#send(job, balancer, -1);
  }

  #send(job: number, balancer: FleetBalancer, excluded: number): void {
    const jobs = this.#jobs;
    const nowMs = this.#nowMs;
    const expected = balancer.expectedCost(jobs.class[job] as number);
    this.#trueCost = jobs.cost[job] as number;
    const slot = (this.#pickers[balancer.index] as Picker).pick(balancer.view, nowMs, excluded, expected);
    if (slot < 0) {
      this.#errors++;
      jobs.release(job);
      return;
    }
    const host = balancer.hostOf[slot] as number;
    jobs.expected[job] = expected;
    jobs.slot[job] = slot;
    jobs.host[job] = host;
    jobs.sentMs[job] = nowMs;
    jobs.attempts[job] = (jobs.attempts[job] as number) + 1;
    balancer.begin(slot, expected, nowMs);
    const standing = this.#machines.standing[host] as number;
    if (standing === HOST_UP) {
      jobs.behind[job] = this.#machines.inflight[host] as number;
      this.#machines.add(host, job, jobs.cost[job] as number, nowMs);
    } else if (isStanding(standing)) {
      this.#queue.schedule(nowMs + NOTHING_MS, this.#onWrongAnswer, job, standing === HOST_ERRS ? 500 : 200);
    } else {
      const failsAtMs = standing === HOST_REFUSES ? nowMs : nowMs + TRAFFIC_DEFAULTS.connectTimeoutMs;
      this.#queue.schedule(failsAtMs, this.#onConnectFailed, job, undefined);
    }
  }

  /** Handles a normal response. */
  #finish(job: number): void {
    const jobs = this.#jobs;
    const index = jobs.balancer[job] as number;
    if (index >= 0) {
      const tookMs = this.#nowMs - (jobs.sentMs[job] as number);
      const balancer = this.#fleet.balancers[index] as FleetBalancer;
      balancer.end(
        jobs.slot[job] as number,
        jobs.class[job] as number,
        jobs.expected[job] as number,
        jobs.sentMs[job] as number,
        'ok',
        200,
        ANSWER_BYTES,
        this.#nowMs,
      );
      this.#observer?.onDone(jobs.host[job] as number, jobs.behind[job] as number, tookMs, this.#nowMs);
      this.#measure.record(jobs.arrivedMs[job] as number, this.#nowMs - (jobs.arrivedMs[job] as number));
      this.#answered++;
    }
    jobs.release(job);
  }

  /** Handles a response of a host that did no work. */
  readonly #onWrongAnswer = (job: number, status: number): void => {
    const jobs = this.#jobs;
    const index = jobs.balancer[job] as number;
    if (index >= 0) {
      const tookMs = this.#nowMs - (jobs.sentMs[job] as number);
      (this.#fleet.balancers[index] as FleetBalancer).end(
        jobs.slot[job] as number,
        jobs.class[job] as number,
        jobs.expected[job] as number,
        jobs.sentMs[job] as number,
        'ok',
        status,
        0,
        this.#nowMs,
      );
      this.#observer?.onDone(jobs.host[job] as number, 0, tookMs, this.#nowMs);
      this.#errors++;
    }
    jobs.release(job);
  };

  readonly #onConnectFailed = (job: number): void => this.#fail(job, 'connect-failed');

  readonly #onTimeout = (job: number): void => this.#fail(job, 'timeout');

  /** The client of a request that arrived at `arrivedMs` gives up, unless it has ended: its host drops it. */
  readonly #onDeadline = (job: number, arrivedMs: number): void => {
    const jobs = this.#jobs;
    const index = jobs.balancer[job] as number;
    if (index < 0 || jobs.arrivedMs[job] !== arrivedMs) return;
    const slot = jobs.slot[job] as number;
    const [host, cost] = [jobs.host[job] as number, jobs.cost[job] as number];
    (this.#fleet.balancers[index] as FleetBalancer).end(
      slot,
      jobs.class[job] as number,
      jobs.expected[job] as number,
      jobs.sentMs[job] as number,
      'client-gone',
      0,
      0,
      this.#nowMs,
    );
    this.#measure.record(arrivedMs, this.#nowMs - arrivedMs);
    this.#errors++;
    // A host that does not answer holds it until the event that ends it.
    if (this.#machines.cancel(host, job, cost, this.#nowMs)) jobs.release(job);
    else jobs.balancer[job] = -1;
  };

  /** Handles a failed attempt: retries on another host, or ends with an error. */
  #fail(job: number, outcome: OutcomeKind): void {
    const jobs = this.#jobs;
    const index = jobs.balancer[job] as number;
    // Its balancer has died: already counted as an error.
    if (index < 0) {
      jobs.release(job);
      return;
    }
    const balancer = this.#fleet.balancers[index] as FleetBalancer;
    const slot = jobs.slot[job] as number;
    balancer.end(slot, jobs.class[job] as number, jobs.expected[job] as number, jobs.sentMs[job] as number, outcome, 0, 0, this.#nowMs);
    const method = this.#methods[jobs.class[job] as number] as string;
    const may = mayRetry({
      outcome,
      hasStarted: false,
      method,
      hasBody: method === 'POST',
      isBodyTaken: false,
      attempts: jobs.attempts[job] as number,
    });
    if (may && balancer.budget.mayRetry(this.#nowMs)) {
      this.#retries++;
      this.#send(job, balancer, slot);
      return;
    }
    this.#errors++;
    jobs.release(job);
  }

  /** Changes a host's state: on going down its requests are reset or never answered; it comes back idle. */
  #setStanding(host: number, standing: number): void {
    const ended = this.#machines.setStanding(host, standing, this.#nowMs);
    for (const job of ended) {
      if (standing === HOST_SILENT)
        this.#queue.schedule((this.#jobs.sentMs[job] as number) + TRAFFIC_DEFAULTS.responseTimeoutMs, this.#onTimeout, job, undefined);
      else this.#fail(job, 'reset');
    }
  }

  /** Kills a balancer with all its client connections; clients then use the others. */
  #kill(index: number): void {
    if (index < 0) return;
    this.#fleet.kill(index);
    this.#living = this.#fleet.balancers.filter(({ isAlive }) => isAlive);
    const { balancer, end } = this.#jobs;
    for (let job = 0; job < end; job++) {
      if (balancer[job] !== index) continue;
      balancer[job] = -1;
      this.#errors++;
    }
  }
}
