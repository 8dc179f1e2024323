// The requests of a run, each handled as in lib/traffic/request/exchange.ts, in virtual time: pick, send, and on failure at
// most one retry on another host; after the host's work (host-work.ts) a slow client may still read the answer. Invariant:
// every request ends exactly once, with an answer or an error.

import { TRAFFIC_DEFAULTS } from '../../config/traffic-config.js';
import { mayRetry, type OutcomeKind } from '../../routing/retry.js';
import type { Arrivals } from './arrivals.js';
import type { ColdCaches } from './cold-caches.js';
import type { EventQueue } from './event-queue.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import { HOST_ABSENT, HOST_ERRS, HOST_REFUSES, HOST_SILENT, HOST_UP, type HostMachines, isStanding } from './host-machines.js';
import { HostWork } from './host-work.js';
import { DEAD_BALANCER, Jobs } from './jobs.js';
import type { Measure } from './measure.js';
import type { Pickers } from './pickers.js';
import type { RequestClass } from './scenario.js';

/** Response time of a host that does no work. */
const NOTHING_MS = 0.5;

/** What the requests of a run need. */
export interface RequestsOptions {
  readonly classes: readonly RequestClass[];
  readonly machines: HostMachines;
  readonly caches: ColdCaches;
  readonly queue: EventQueue;
  readonly clock: () => number;
  readonly arrivals: Arrivals;
  readonly measure: Measure;
  readonly balancers: readonly FleetBalancer[];
  /** Creates the pickers, given the true cost of the current request. */
  readonly createPickers: (costNow: () => number) => Pickers;
}

/** All requests of a run. */
export class Requests {
  /** All requests so far, those answered, those with a wrong answer or none, and retries. */
  count = 0;
  answered = 0;
  errors = 0;
  retries = 0;
  readonly #options: RequestsOptions;
  readonly #jobs = new Jobs();
  readonly #work: HostWork;
  readonly #pickers: Pickers;
  readonly #methods: readonly string[];
  #trueCost = 0;

  constructor(options: RequestsOptions) {
    const { machines, caches, queue, clock, measure, classes } = options;
    const jobs = this.#jobs;
    this.#options = options;
    this.#work = new HostWork({
      jobs,
      machines,
      caches,
      queue,
      clock,
      onDone: (job) => this.#onHostDone(job),
      onStream: (job) => measure.onStream(jobs.host[job] as number, jobs.arrivedMs[job] as number),
    });
    this.#pickers = options.createPickers(() => this.#trueCost);
    this.#methods = classes.map(({ request }) => request.split(' ')[0] as string);
  }

  /** Number of requests that have not ended. */
  get open(): number {
    return this.#jobs.open;
  }

  /** The next request comes to this balancer. */
  arrive(balancer: FleetBalancer): void {
    const { arrivals, clock } = this.#options;
    const jobs = this.#jobs;
    const job = this.#take(balancer, arrivals.class);
    jobs.cost[job] = arrivals.cost;
    jobs.waitMs[job] = arrivals.waitMs;
    jobs.heldMs[job] = arrivals.heldMs;
    jobs.streamMs[job] = arrivals.streamMs;
    arrivals.next();
    balancer.budget.onRequest(clock());
    this.#send(job, balancer, -1);
  }

  /** Opens the streams that are there at the start, by these balancers in turn. */
  openStreams(balancers: readonly FleetBalancer[]): void {
    const { classes, arrivals } = this.#options;
    for (const [requestClass, { stream }] of classes.entries()) {
      if (stream === null) continue;
      for (let i = 0; i < stream.atStart; i++) {
        const balancer = balancers[i % balancers.length] as FleetBalancer;
        const slot = balancer.slotOf[i % stream.onHosts] as number;
        if (slot < 0) continue;
        const job = this.#take(balancer, requestClass);
        this.#jobs.streamMs[job] = arrivals.streamMsOf(requestClass);
        this.#begin(job, balancer, slot);
        this.#work.stream(job);
      }
    }
  }

  /** Continues with the next request that is done with its part of work on a host. */
  depart(): void {
    this.#work.depart();
  }

  /** Changes a host's state: on going down its requests are reset or never answered; it comes back idle. */
  setStanding(host: number, standing: number): void {
    const { sentMs } = this.#jobs;
    this.#work.setStanding(host, standing, (job, hasStarted) => {
      if (standing === HOST_SILENT)
        this.#options.queue.schedule((sentMs[job] as number) + TRAFFIC_DEFAULTS.responseTimeoutMs, this.#onTimeout, job, undefined);
      else this.#fail(job, 'reset', hasStarted);
    });
  }

  /** A balancer has died, with the connections of all its clients. */
  onDeath(index: number): void {
    const { balancer, end } = this.#jobs;
    for (let job = 0; job < end; job++) {
      if (balancer[job] !== index) continue;
      balancer[job] = DEAD_BALANCER;
      this.errors++;
    }
  }

  /** The run is over: the clients of all streams hang up. */
  endStreams(): void {
    this.#work.endStreams();
  }

  #take(balancer: FleetBalancer, requestClass: number): number {
    const jobs = this.#jobs;
    const job = jobs.take();
    jobs.arrivedMs[job] = this.#options.clock();
    jobs.class[job] = requestClass;
    jobs.balancer[job] = balancer.index;
    jobs.attempts[job] = 0;
    jobs.cost[job] = jobs.waitMs[job] = jobs.heldMs[job] = jobs.streamMs[job] = 0;
    this.count++;
    return job;
  }

  #send(job: number, balancer: FleetBalancer, excluded: number): void {
    const { machines, queue, clock } = this.#options;
    const jobs = this.#jobs;
    const nowMs = clock();
    this.#trueCost = jobs.cost[job] as number;
    const picker = this.#pickers.pickers[balancer.index] as Picker;
    const expected = balancer.expectedCost(jobs.class[job] as number);
    const slot = picker.pick(balancer.view, nowMs, excluded, expected, (jobs.streamMs[job] as number) > 0);
    if (slot < 0) {
      this.errors++;
      jobs.release(job);
      return;
    }
    this.#begin(job, balancer, slot);
    const standing = machines.standing[jobs.host[job] as number] as number;
    if (standing === HOST_UP) this.#work.start(job);
    else if (isStanding(standing)) queue.schedule(nowMs + NOTHING_MS, this.#onWrongAnswer, job, standing === HOST_ERRS ? 500 : 200);
    else {
      const isRefused = standing === HOST_REFUSES || standing === HOST_ABSENT;
      queue.schedule(isRefused ? nowMs : nowMs + TRAFFIC_DEFAULTS.connectTimeoutMs, this.#onConnectFailed, job, undefined);
    }
  }

  /** A request goes to the host of a slot. */
  #begin(job: number, balancer: FleetBalancer, slot: number): void {
    const jobs = this.#jobs;
    const nowMs = this.#options.clock();
    const expected = balancer.expectedCost(jobs.class[job] as number);
    jobs.expected[job] = expected;
    jobs.slot[job] = slot;
    jobs.host[job] = balancer.hostOf[slot] as number;
    jobs.sentMs[job] = nowMs;
    jobs.attempts[job] = (jobs.attempts[job] as number) + 1;
    balancer.begin(slot, expected, nowMs, (jobs.streamMs[job] as number) > 0);
  }

  /** Tells the balancer how an attempt has ended: when the host has done its work, whatever its client still does. */
  #end(job: number, balancer: FleetBalancer, outcome: OutcomeKind, status: number): void {
    const jobs = this.#jobs;
    balancer.end(
      jobs.slot[job] as number,
      jobs.class[job] as number,
      jobs.expected[job] as number,
      jobs.sentMs[job] as number,
      outcome,
      status,
      this.#options.clock(),
      (jobs.streamMs[job] as number) > 0,
    );
  }

  /** The balancer of a request; undefined if it has died. */
  #balancerOf(job: number): FleetBalancer | undefined {
    return this.#options.balancers[this.#jobs.balancer[job] as number];
  }

  #onHostDone(job: number): void {
    const { queue, clock } = this.#options;
    const jobs = this.#jobs;
    const balancer = this.#balancerOf(job);
    if (balancer === undefined) {
      jobs.release(job);
      return;
    }
    const nowMs = clock();
    const heldMs = jobs.heldMs[job] as number;
    jobs.doneMs[job] = nowMs;
    if (heldMs > 0) balancer.beginTransfer(jobs.slot[job] as number);
    this.#end(job, balancer, 'ok', 200);
    if (jobs.streamMs[job] === 0)
      this.#pickers.answers?.onDone(jobs.host[job] as number, jobs.behind[job] as number, nowMs - (jobs.sentMs[job] as number));
    if (heldMs > 0) queue.schedule(nowMs + heldMs, this.#onRead, job, undefined);
    else this.#complete(job);
  }

  /** A slow client has read its answer. */
  readonly #onRead = (job: number): void => {
    const balancer = this.#balancerOf(job);
    if (balancer === undefined) {
      this.#jobs.release(job);
      return;
    }
    balancer.endTransfer(this.#jobs.slot[job] as number);
    this.#complete(job);
  };

  /** A request is answered. Its latency is the time until the host had done its work; nobody waits for the end of a stream. */
  #complete(job: number): void {
    const { arrivedMs, doneMs, streamMs } = this.#jobs;
    const arrivedAtMs = arrivedMs[job] as number;
    if (streamMs[job] === 0) this.#options.measure.record(arrivedAtMs, (doneMs[job] as number) - arrivedAtMs);
    this.answered++;
    this.#jobs.release(job);
  }

  /** Handles a response of a host that did no work. */
  readonly #onWrongAnswer = (job: number, status: number): void => {
    const jobs = this.#jobs;
    const balancer = this.#balancerOf(job);
    if (balancer !== undefined) {
      this.#end(job, balancer, 'ok', status);
      this.#pickers.answers?.onDone(jobs.host[job] as number, 0, this.#options.clock() - (jobs.sentMs[job] as number));
      this.errors++;
    }
    jobs.release(job);
  };

  readonly #onConnectFailed = (job: number): void => this.#fail(job, 'connect-failed', false);

  readonly #onTimeout = (job: number): void => this.#fail(job, 'timeout', false);

  /** Handles a failed attempt: retries on another host, or ends with an error. */
  #fail(job: number, outcome: OutcomeKind, hasStarted: boolean): void {
    const jobs = this.#jobs;
    const balancer = this.#balancerOf(job);
    // Its balancer has died: already counted as an error.
    if (balancer === undefined) {
      jobs.release(job);
      return;
    }
    const slot = jobs.slot[job] as number;
    this.#end(job, balancer, outcome, 0);
    const method = this.#methods[jobs.class[job] as number] as string;
    const attempts = jobs.attempts[job] as number;
    const may = mayRetry({ outcome, hasStarted, method, hasBody: method === 'POST', isBodyTaken: false, attempts });
    if (may && balancer.budget.mayRetry(this.#options.clock())) {
      this.retries++;
      this.#send(job, balancer, slot);
      return;
    }
    this.errors++;
    jobs.release(job);
  }
}
