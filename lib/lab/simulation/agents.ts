// The agents: each reports what a probe on its host would measure, at the configured interval with jitter.

import type { Report } from '../../model.js';
import type { Draws } from './draws.js';
import type { EventQueue } from './event-queue.js';
import { hostNameOf } from './host-names.js';
import { type HostMachines, isStanding } from './host-machines.js';

/** Jitter of the report interval, as a share of it; as in the product. */
const JITTER = 0.1;

/** All agents. */
export class Agents {
  readonly #machines: HostMachines;
  readonly #queue: EventQueue;
  readonly #clock: () => number;
  readonly #draws: Draws;
  readonly #everyMs: number;
  readonly #send: (host: number, report: Report) => void;
  /** Time of each host's last report, and its cumulative CPU use by then. */
  readonly #saidAtMs: Float64Array;
  readonly #saidBusyMs: Float64Array;
  readonly #isLeaving: Uint8Array;

  constructor(
    machines: HostMachines,
    queue: EventQueue,
    clock: () => number,
    draws: Draws,
    everyMs: number,
    send: (host: number, report: Report) => void,
  ) {
    this.#machines = machines;
    this.#queue = queue;
    this.#clock = clock;
    this.#draws = draws;
    this.#everyMs = everyMs;
    this.#send = send;
    this.#saidAtMs = new Float64Array(machines.count);
    this.#saidBusyMs = new Float64Array(machines.count);
    this.#isLeaving = new Uint8Array(machines.count);
  }

  /** Schedules each agent's first report at a random time within one interval. */
  start(): void {
    if (this.#everyMs === Number.POSITIVE_INFINITY) return;
    for (let host = 0; host < this.#machines.count; host++)
      this.#queue.schedule(this.#everyMs * this.#draws.uniform(), this.#report, host, undefined);
  }

  /** A host has appeared: its agent starts with a report. */
  join(host: number): void {
    if (this.#everyMs === Number.POSITIVE_INFINITY) return;
    this.#saidAtMs[host] = this.#clock();
    this.#isLeaving[host] = 0;
    this.#send(host, this.reportOf(host));
  }

  /** A host is about to disappear: its agent says goodbye and reports no more. */
  leave(host: number): void {
    if (this.#everyMs === Number.POSITIVE_INFINITY) return;
    this.#isLeaving[host] = 1;
    this.#send(host, { ...this.reportOf(host), bye: true });
  }

  /** Builds a host's report; its CPU is the mean since the last report. */
  reportOf(host: number): Report {
    const machines = this.#machines;
    const nowMs = this.#clock();
    machines.advance(host, nowMs);
    const cores = machines.cores[host] as number;
    const busyMs = machines.busyMs[host] as number;
    const availableMs = cores * (nowMs - (this.#saidAtMs[host] as number));
    const cpu = availableMs > 0 ? Math.min(1, (busyMs - (this.#saidBusyMs[host] as number)) / availableMs) : 0;
    this.#saidAtMs[host] = nowMs;
    this.#saidBusyMs[host] = busyMs;
    return {
      host: hostNameOf(host),
      url: `http://${hostNameOf(host)}`,
      cpu,
      memory: machines.memory[host] as number,
      cores,
      rps: null,
      bye: false,
      intervalMs: this.#everyMs,
    };
  }

  readonly #report = (host: number): void => {
    // An agent goes down and comes back with its host.
    if (isStanding(this.#machines.standing[host] as number) && this.#isLeaving[host] === 0) this.#send(host, this.reportOf(host));
    const factor = 1 - JITTER + 2 * JITTER * this.#draws.uniform();
    this.#queue.schedule(this.#clock() + this.#everyMs * factor, this.#report, host, undefined);
  };
}
