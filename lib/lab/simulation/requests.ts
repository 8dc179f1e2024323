// The requests of a run, each handled as in lib/traffic/request/exchange.ts, in virtual time: pick, send, and on failure at
// most one retry on another host; after the host's work (host-work.ts) a slow client may still read the answer. Invariant:
// every request ends exactly once, with an answer or an error.

import { TRAFFIC_DEFAULTS } from '../../config/traffic-config.js';
import { USUAL_ATTEMPTS } from '../../config/pool-rules.js';
import { mayRetry, type OutcomeKind } from '../../routing/retry.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import { HOST_ABSENT, HOST_ERRS, HOST_REFUSES, HOST_SILENT, HOST_UP, isStanding } from './host-machines.js';
import { HostWork } from './host-work.js';
import { Jobs } from './jobs.js';
import type { Pickers } from './pickers.js';
import { RequestAttempts } from './request-attempts.js';
import { RequestLosses } from './request-losses.js';
import type { RequestsOptions } from './requests-options.js';
import { TrafficTurns } from './traffic-turns.js';

/** Response time of a host that does no work. */
const NOTHING_MS = 0.5;

/** All requests of a run. */
export class Requests {
  /** All requests so far, those answered, and retries. */
  count = 0;
  answered = 0;
  #errors = 0;
  retries = 0;
  /** Requests whose clients or balancers go. */
  readonly losses: RequestLosses;
  readonly #options: RequestsOptions;
  readonly #jobs = new Jobs();
  readonly #attempts: RequestAttempts;
  readonly #work: HostWork;
  readonly #pickers: Pickers;
  readonly #methods: readonly string[];
  readonly #turns: TrafficTurns | null;
  #trueCost = 0;

  constructor(options: RequestsOptions) {
    const { machines, caches, queue, clock, measure, classes } = options;
    const jobs = this.#jobs;
    this.#options = options;
    this.#attempts = new RequestAttempts(jobs, options.balancers, clock);
    this.#work = new HostWork({
      jobs,
      machines,
      caches,
      queue,
      clock,
      onDone: (job) => {
        if (options.ticks === null) this.#onHostDone(job);
        else queue.schedule(options.ticks.hosts.next(clock()), this.#onHostDone, job, undefined);
      },
      onStream: (job) => measure.onStream(jobs.host[job] as number, jobs.arrivedMs[job] as number),
    });
    this.#pickers = options.createPickers(() => this.#trueCost);
    this.#turns =
      options.balancerCost &&
      new TrafficTurns({
        ...options.balancerCost,
        onRead: (job, excluded) => this.#onRead(job, excluded),
        onPassed: (job) => this.#onPassed(job),
      });
    this.losses = new RequestLosses({
      jobs,
      work: this.#work,
      measure,
      attempts: this.#attempts,
      deadlineMs: options.deadlineMs,
      processors: options.balancerCost?.processors ?? null,
    });
    this.#methods = classes.map(({ request }) => request.split(' ')[0] as string);
  }

  /** Requests with a wrong answer or none. */
  get errors(): number {
    return this.#errors + this.losses.count;
  }

  /** Number of requests that have not ended. */
  get open(): number {
    return this.#jobs.open;
  }

  /** Requests that a balancer has refused. */
  get refused(): number {
    return this.#turns?.refused ?? 0;
  }

  /** The next request fails before it reaches a balancer. */
  lose(): void {
    this.count++;
    this.#errors++;
    this.#options.arrivals.next();
  }

  /** The next request comes to this balancer. */
  arrive(balancer: FleetBalancer, client: number): void {
    const { arrivals, clock, queue, deadlineMs } = this.#options;
    const jobs = this.#jobs;
    if (this.#turns?.admits(balancer.index) === false) {
      this.lose();
      return;
    }
    const job = this.#take(balancer, arrivals.class);
    jobs.client[job] = client;
    jobs.cost[job] = arrivals.cost;
    jobs.waitMs[job] = arrivals.waitMs;
    jobs.heldMs[job] = arrivals.heldMs;
    jobs.streamMs[job] = arrivals.streamMs;
    arrivals.next();
    if (deadlineMs < Number.POSITIVE_INFINITY && jobs.streamMs[job] === 0)
      queue.schedule(clock() + deadlineMs, this.losses.onDeadline, job, clock());
    balancer.budget.onRequest(clock());
    const { ticks } = this.#options;
    if (ticks === null) this.#pass(job, balancer, -1);
    else queue.schedule(ticks.clients.next(clock()), this.#onSent, job, balancer);
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
        this.#attempts.begin(job, balancer, slot);
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

  /** The run is over: the clients of all streams hang up. */
  endStreams(): void {
    this.#work.endStreams();
  }

  #take(balancer: FleetBalancer, requestClass: number): number {
    this.count++;
    return this.#attempts.take(balancer, requestClass);
  }

  /** The balancer reads the request when it is its turn, and sends it. */
  #pass(job: number, balancer: FleetBalancer, excluded: number): void {
    if (this.#turns === null) {
      this.#send(job, balancer, excluded);
      return;
    }
    this.#jobs.slot[job] = -1;
    if (excluded < 0) this.#turns.first(job, balancer.index);
    else this.#turns.again(job, balancer.index, excluded);
  }

  #onRead(job: number, excluded: number): void {
    const balancer = this.#attempts.balancerOf(job);
    if (balancer === undefined) this.#jobs.release(job);
    else this.#send(job, balancer, excluded);
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
      this.#errors++;
      jobs.release(job);
      return;
    }
    this.#attempts.begin(job, balancer, slot);
    const standing = machines.standing[jobs.host[job] as number] as number;
    if (standing === HOST_UP) this.#work.start(job);
    else if (isStanding(standing)) queue.schedule(nowMs + NOTHING_MS, this.#onWrongAnswer, job, standing === HOST_ERRS ? 500 : 200);
    else {
      const isRefused = standing === HOST_REFUSES || standing === HOST_ABSENT;
      queue.schedule(isRefused ? nowMs : nowMs + TRAFFIC_DEFAULTS.connectTimeoutMs, this.#onConnectFailed, job, undefined);
    }
  }

  readonly #onSent = (job: number, balancer: FleetBalancer): void => this.#pass(job, balancer, -1);

  readonly #onHostDone = (job: number): void => {
    const balancer = this.#attempts.balancerOf(job);
    if (balancer === undefined || this.#turns === null) this.#onPassed(job);
    else this.#turns.after(job, balancer.index);
  };

  /** The answer is with the balancer, which has passed it on. */
  #onPassed(job: number): void {
    const { queue, clock } = this.#options;
    const jobs = this.#jobs;
    const balancer = this.#attempts.balancerOf(job);
    if (balancer === undefined) {
      jobs.release(job);
      return;
    }
    const nowMs = clock();
    const heldMs = jobs.heldMs[job] as number;
    jobs.doneMs[job] = nowMs;
    if (heldMs > 0) balancer.beginTransfer(jobs.slot[job] as number);
    this.#attempts.end(job, balancer, 'ok', 200);
    if (jobs.streamMs[job] === 0)
      this.#pickers.observer?.onDone(jobs.host[job] as number, jobs.behind[job] as number, nowMs - (jobs.sentMs[job] as number), nowMs);
    if (heldMs > 0) queue.schedule(nowMs + heldMs, this.#onTransferred, job, undefined);
    else this.#complete(job);
  }

  /** A slow client has read its answer. */
  readonly #onTransferred = (job: number): void => {
    const balancer = this.#attempts.balancerOf(job);
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
    const balancer = this.#attempts.balancerOf(job);
    if (balancer !== undefined) {
      this.#attempts.end(job, balancer, 'ok', status);
      const nowMs = this.#options.clock();
      this.#pickers.observer?.onDone(jobs.host[job] as number, 0, nowMs - (jobs.sentMs[job] as number), nowMs);
      this.#errors++;
    }
    jobs.release(job);
  };

  readonly #onConnectFailed = (job: number): void => this.#fail(job, 'connect-failed', false);

  readonly #onTimeout = (job: number): void => this.#fail(job, 'timeout', false);

  /** Handles a failed attempt: retries on another host, or ends with an error. */
  #fail(job: number, outcome: OutcomeKind, hasStarted: boolean): void {
    const jobs = this.#jobs;
    const balancer = this.#attempts.balancerOf(job);
    // Its balancer has died: already counted as an error.
    if (balancer === undefined) {
      jobs.release(job);
      return;
    }
    const slot = jobs.slot[job] as number;
    this.#attempts.end(job, balancer, outcome, 0);
    const method = this.#methods[jobs.class[job] as number] as string;
    const attempts = jobs.attempts[job] as number;
    const may = mayRetry({
      outcome,
      hasStarted,
      method,
      hasBody: method === 'POST',
      isBodyTaken: false,
      attempts,
      maxAttempts: USUAL_ATTEMPTS,
    });
    if (may && balancer.budget.mayRetry(this.#options.clock())) {
      this.retries++;
      this.#pass(job, balancer, slot);
      return;
    }
    this.#errors++;
    jobs.release(job);
  }
}
