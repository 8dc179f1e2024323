// What requests do on their hosts: the first half of their work, a wait without a core, the second half; then they are done,
// or stay open as a stream. A request without a wait does all its work at once. Invariant: each one started is handed to
// `onDone` exactly once, or returned by `setStanding` when its host goes down.

import type { ColdCaches } from './cold-caches.js';
import type { EventQueue } from './event-queue.js';
import type { HostMachines } from './host-machines.js';
import { DEAD_BALANCER, type Jobs } from './jobs.js';

/** On the host's cores, waiting, on the cores again, or open as a stream; and none of these. */
const RUNS = 0;
const WAITS = 1;
const RUNS_AGAIN = 2;
const STREAMS = 3;
const IS_OUT = 4;

/** What the work on hosts needs. */
export interface HostWorkOptions {
  readonly jobs: Jobs;
  readonly machines: HostMachines;
  readonly caches: ColdCaches;
  readonly queue: EventQueue;
  readonly clock: () => number;
  /** The host has done all that it does for the request. */
  readonly onDone: (job: number) => void;
  /** A request has become a stream. */
  readonly onStream: (job: number) => void;
}

/** The requests on all hosts. */
export class HostWork {
  readonly #options: HostWorkOptions;
  #turns = 0;
  #isOver = false;

  constructor(options: HostWorkOptions) {
    this.#options = options;
  }

  /** Starts a request on its host, which is up. */
  start(job: number): void {
    const { jobs, machines, caches, clock } = this.#options;
    const host = jobs.host[job] as number;
    const work = (jobs.cost[job] as number) * caches.factorOf(host, clock());
    jobs.behind[job] = machines.openOn(host);
    jobs.part[job] = (jobs.waitMs[job] as number) > 0 ? work / 2 : work;
    jobs.phase[job] = RUNS;
    machines.add(host, job, jobs.part[job] as number, clock());
  }

  /** Continues with the next request that is done with its part of work on a host. */
  depart(): void {
    const { jobs, machines, queue, clock, onStream, onDone } = this.#options;
    const job = machines.depart(jobs.part);
    const host = jobs.host[job] as number;
    const waitMs = jobs.waitMs[job] as number;
    if (waitMs > 0 && jobs.phase[job] === RUNS) {
      jobs.phase[job] = WAITS;
      machines.waiting[host] = (machines.waiting[host] as number) + 1;
      queue.schedule(clock() + waitMs, this.#onWaited, job, this.#nextTurn(job));
    } else if ((jobs.streamMs[job] as number) > 0 && jobs.balancer[job] !== DEAD_BALANCER && !this.#isOver) {
      this.stream(job);
      onStream(job);
    } else {
      jobs.phase[job] = IS_OUT;
      onDone(job);
    }
  }

  /** A request is open as a stream from now on. */
  stream(job: number): void {
    const { jobs, machines, queue, clock } = this.#options;
    const host = jobs.host[job] as number;
    machines.streams[host] = (machines.streams[host] as number) + 1;
    jobs.phase[job] = STREAMS;
    queue.schedule(clock() + (jobs.streamMs[job] as number), this.#onStreamEnd, job, this.#nextTurn(job));
  }

  /** Changes a host's state; calls `onEnded` for each request that was on it, with whether its answer had begun. */
  setStanding(host: number, standing: number, onEnded: (job: number, hasStarted: boolean) => void): void {
    const { jobs, machines, clock } = this.#options;
    const ended = machines.setStanding(host, standing, clock());
    for (let job = 0; job < jobs.end; job++) {
      const isOnHost = jobs.host[job] === host && (jobs.phase[job] === WAITS || jobs.phase[job] === STREAMS);
      if (isOnHost && jobs.isOpen(job)) ended.push(job);
    }
    for (const job of ended) {
      const hasStarted = jobs.phase[job] === STREAMS;
      jobs.phase[job] = IS_OUT;
      this.#nextTurn(job);
      onEnded(job, hasStarted);
    }
  }

  /** The run is over: the clients of all streams hang up, and no other begins. */
  endStreams(): void {
    const { jobs } = this.#options;
    this.#isOver = true;
    for (let job = 0; job < jobs.end; job++)
      if (jobs.phase[job] === STREAMS && jobs.isOpen(job)) this.#onStreamEnd(job, jobs.turn[job] as number);
  }

  readonly #onWaited = (job: number, turn: number): void => {
    const { jobs, machines, clock } = this.#options;
    // Its host has gone down meanwhile.
    if (jobs.turn[job] !== turn) return;
    const host = jobs.host[job] as number;
    machines.waiting[host] = (machines.waiting[host] as number) - 1;
    jobs.phase[job] = RUNS_AGAIN;
    machines.add(host, job, jobs.part[job] as number, clock());
  };

  readonly #onStreamEnd = (job: number, turn: number): void => {
    const { jobs, machines, onDone } = this.#options;
    if (jobs.turn[job] !== turn) return;
    const host = jobs.host[job] as number;
    machines.streams[host] = (machines.streams[host] as number) - 1;
    jobs.phase[job] = IS_OUT;
    this.#nextTurn(job);
    onDone(job);
  };

  /** What was scheduled for this request is void. */
  #nextTurn(job: number): number {
    this.#options.jobs.turn[job] = ++this.#turns;
    return this.#turns;
  }
}
