// Two choices on polled figures: each balancer asks every host twice a second for its requests in flight, and sends a
// request to the one of two random hosts that reported fewer.
// Source: Microsoft's YARP (PowerOfTwoChoices), as compared in Wydrowski and others, "Introducing Prequal", NSDI 2024,
// section 5.2.

import type { TableReader } from '../../../table/reader.js';
import type { Draws } from '../draws.js';
import type { EventQueue } from '../event-queue.js';
import type { FleetBalancer, Picker } from '../fleet-balancer.js';
import type { HostMachines } from '../host-machines.js';
import { randomCandidate } from './random-host.js';

/** Interval of a balancer's polls (the paper's). */
const POLL_MS = 500;

/** Options of a balancer that polls. */
export interface PolledOptions {
  readonly machines: HostMachines;
  readonly queue: EventQueue;
  readonly draws: Draws;
  readonly balancer: FleetBalancer;
  /** Counts messages from process to process and draws their delay. */
  readonly delayMs: (messages: number) => number;
}

/** Picks the host that reported fewer requests in flight, of two at random. */
export class PolledTwoChoices implements Picker {
  readonly #options: PolledOptions;
  readonly #reported: Int32Array;

  /** Polls from now on, at a phase of its own. */
  constructor(options: PolledOptions) {
    this.#options = options;
    const { machines, queue, draws } = options;
    this.#reported = new Int32Array(machines.count);
    queue.schedule(POLL_MS * draws.uniform(), this.#onPoll, 0, undefined);
  }

  pick(view: TableReader, _nowMs: number, excluded: number): number {
    const { draws, balancer } = this.#options;
    const first = randomCandidate(view, excluded, draws);
    let second = randomCandidate(view, excluded, draws);
    // Two different hosts, if there are.
    for (let tries = 0; second === first && tries < 8; tries++) second = randomCandidate(view, excluded, draws);
    if (first < 0 || second < 0) return first;
    const reported = (slot: number): number => this.#reported[balancer.hostOf[slot] as number] as number;
    return reported(second) < reported(first) ? second : first;
  }

  /** All hosts are asked at once; the answers take the same time. */
  readonly #onPoll = (): void => {
    const { machines, queue, delayMs } = this.#options;
    queue.schedule(
      queue.nowMs + delayMs(2 * machines.count),
      this.#onAnswers,
      0,
      Int32Array.from({ length: machines.count }, (_, host) => machines.openOn(host)),
    );
    queue.schedule(queue.nowMs + POLL_MS, this.#onPoll, 0, undefined);
  };

  readonly #onAnswers = (_: number, inflight: Int32Array): void => this.#reported.set(inflight);
}
