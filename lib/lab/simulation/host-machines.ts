// The hosts: each serves its requests by processor sharing on the cores available to it. Exact: a host tracks the attained
// service of a request present since its start, which grows at the same rate for all its requests; a request is done when
// that value has grown by the request's cost, whatever arrives and departs meanwhile.
// Source: Kleinrock, "Queueing Systems" vol. 2, section 4.4; virtual time as in Demers, Keshav and Shenker, 1989.

import { Departures } from './departures.js';
import { MinHeap } from './min-heap.js';

/** The properties of a host. */
export interface Machine {
  readonly cores: number;
  /** Work in ms per ms of one core. */
  readonly speed: number;
  /** Share of its memory in use. */
  readonly memory: number;
}

/** The host works normally. */
export const HOST_UP = 0;
/** Connections to it are refused. */
export const HOST_REFUSES = 1;
/** The host does not answer at all. */
export const HOST_SILENT = 2;
/** It answers at once without doing the work: 200 with an empty body. */
export const HOST_EMPTY = 3;
/** It answers at once with 500. */
export const HOST_ERRS = 4;
/** The host does not exist yet, or any more. */
export const HOST_ABSENT = 5;

/** Whether its agent reports, and it answers probes. */
export function isStanding(standing: number): boolean {
  return standing !== HOST_REFUSES && standing !== HOST_SILENT && standing !== HOST_ABSENT;
}

/** All hosts, as columns by host. */
export class HostMachines {
  readonly count: number;
  readonly cores: Float64Array;
  readonly speed: Float64Array;
  readonly memory: Float64Array;
  /** Cores taken by neighbours. */
  readonly lost: Float64Array;
  /** Requests that share the cores; */
  readonly inflight: Int32Array;
  /** those that wait and use no core, and open streams. */
  readonly waiting: Int32Array;
  readonly streams: Int32Array;
  /** Sum of the costs of the requests that share the cores, in ms of CPU. */
  readonly work: Float64Array;
  readonly standing: Uint8Array;
  /** Core-milliseconds used so far, by requests and by neighbours. */
  readonly busyMs: Float64Array;
  /** Time for which the host has existed. */
  readonly presentMs: Float64Array;
  readonly #attained: Float64Array;
  readonly #updatedMs: Float64Array;
  readonly #jobs: MinHeap<number>[];
  readonly #departures: Departures;

  constructor(machines: readonly Machine[]) {
    this.count = machines.length;
    this.cores = Float64Array.from(machines, ({ cores }) => cores);
    this.speed = Float64Array.from(machines, ({ speed }) => speed);
    this.memory = Float64Array.from(machines, ({ memory }) => memory);
    this.lost = new Float64Array(this.count);
    this.inflight = new Int32Array(this.count);
    this.waiting = new Int32Array(this.count);
    this.streams = new Int32Array(this.count);
    this.work = new Float64Array(this.count);
    this.standing = new Uint8Array(this.count);
    this.busyMs = new Float64Array(this.count);
    this.presentMs = new Float64Array(this.count);
    this.#attained = new Float64Array(this.count);
    this.#updatedMs = new Float64Array(this.count);
    this.#jobs = machines.map(() => new MinHeap<number>());
    this.#departures = new Departures(this.count);
  }

  /** Time of the next completion on any host; Infinity if there is none. */
  get nextDepartureMs(): number {
    return this.#departures.firstMs;
  }

  /** All requests that the host has, running, waiting or streaming. */
  openOn(host: number): number {
    return (this.inflight[host] as number) + (this.waiting[host] as number) + (this.streams[host] as number);
  }

  /** Cores available to requests. */
  coresLeft(host: number): number {
    return Math.max(0, (this.cores[host] as number) - (this.lost[host] as number));
  }

  /** Updates a host's counters to the current time. */
  advance(host: number, nowMs: number): void {
    const elapsedMs = nowMs - (this.#updatedMs[host] as number);
    if (elapsedMs <= 0) return;
    this.#updatedMs[host] = nowMs;
    if (this.standing[host] !== HOST_ABSENT) this.presentMs[host] = (this.presentMs[host] as number) + elapsedMs;
    const inflight = this.inflight[host] as number;
    let used = this.lost[host] as number;
    if (inflight > 0) {
      const left = this.coresLeft(host);
      used += Math.min(inflight, left);
      this.#attained[host] = (this.#attained[host] as number) + this.#rate(host) * elapsedMs;
    }
    if (isStanding(this.standing[host] as number)) this.busyMs[host] = (this.busyMs[host] as number) + used * elapsedMs;
  }

  /** Adds a request to a host that is up. */
  add(host: number, job: number, cost: number, nowMs: number): void {
    this.advance(host, nowMs);
    this.inflight[host] = (this.inflight[host] as number) + 1;
    this.work[host] = (this.work[host] as number) + cost;
    (this.#jobs[host] as MinHeap<number>).push((this.#attained[host] as number) + cost, job);
    this.#plan(host, nowMs);
  }

  /** Removes the next completed request, at its time (`nextDepartureMs`). */
  depart(costs: Float64Array): number {
    const host = this.#departures.first;
    const nowMs = this.#departures.firstMs;
    const jobs = this.#jobs[host] as MinHeap<number>;
    this.advance(host, nowMs);
    // Set it exactly: the sums above have rounding errors.
    this.#attained[host] = jobs.least;
    const job = jobs.pop();
    const inflight = (this.inflight[host] as number) - 1;
    this.inflight[host] = inflight;
    // An empty host is reset, so that rounding errors do not accumulate.
    this.work[host] = inflight === 0 ? 0 : (this.work[host] as number) - (costs[job] as number);
    if (inflight === 0) this.#attained[host] = 0;
    this.#plan(host, nowMs);
    return job;
  }

  /** Sets the cores taken by neighbours from now on. */
  setLost(host: number, lost: number, nowMs: number): void {
    this.advance(host, nowMs);
    this.lost[host] = lost;
    this.#plan(host, nowMs);
  }

  /** Changes a host's state; returns the requests that shared its cores. Those that waited or streamed are gone too. */
  setStanding(host: number, standing: number, nowMs: number): number[] {
    this.advance(host, nowMs);
    this.standing[host] = standing;
    const jobs = this.#jobs[host] as MinHeap<number>;
    const ended = Array.from({ length: jobs.size }, (_, place) => jobs.at(place));
    jobs.clear();
    this.inflight[host] = this.work[host] = this.#attained[host] = 0;
    this.waiting[host] = this.streams[host] = 0;
    this.#plan(host, nowMs);
    return ended;
  }

  /** Service rate of each request on a host, in ms per ms. */
  #rate(host: number): number {
    return (this.speed[host] as number) * Math.min(1, this.coresLeft(host) / (this.inflight[host] as number));
  }

  #plan(host: number, nowMs: number): void {
    if (this.inflight[host] === 0) {
      this.#departures.set(host, Number.POSITIVE_INFINITY);
      return;
    }
    const missing = Math.max(0, (this.#jobs[host] as MinHeap<number>).least - (this.#attained[host] as number));
    // Avoid NaN from 0 / 0 (done, with no core available).
    this.#departures.set(host, missing === 0 ? nowMs : nowMs + missing / this.#rate(host));
  }
}
