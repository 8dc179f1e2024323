// Request arrivals: a Poisson process with its own random streams, so that every policy gets the same requests at the same
// times. Its rate follows the capacity of the hosts that exist, so that the load stays what it is.

import { Draws } from './draws.js';
import { type CapacityStep, capacityStepsOf } from './host-changes.js';
import { meanCapacityOf, meanCostOf, type Quantity, type RequestClass, type Scenario, type SlowClients } from './scenario.js';

/** The next request, and how to advance to the following one. */
export interface RequestSource {
  /** Its arrival time. */
  readonly nextMs: number;
  /** Its class, as an index into the scenario's, and its work in ms. */
  readonly class: number;
  readonly cost: number;
  /** How long it waits, how long its client reads after the host's work, and how long it stays open as a stream; 0: not at all. */
  readonly waitMs: number;
  readonly heldMs: number;
  readonly streamMs: number;
  /** Advances to the next request. */
  next(): void;
  /** Draws how long a stream of this class is open. */
  streamMsOf(requestClass: number): number;
}

/** Requests that are drawn at random. */
export class Arrivals implements RequestSource {
  nextMs = 0;
  class = 0;
  cost = 0;
  waitMs = 0;
  heldMs = 0;
  streamMs = 0;
  readonly #times: Draws;
  readonly #costs: Draws;
  readonly #waits: Draws;
  readonly #clients: Draws;
  readonly #streams: Draws;
  /** Mean time between two requests while all hosts exist. */
  readonly #gapMs: number;
  readonly #steps: readonly CapacityStep[];
  #step = 0;
  readonly #classes: readonly RequestClass[];
  readonly #costOf: readonly Quantity[];
  readonly #slowClients: SlowClients | null;
  /** Cumulative shares of the classes, up to 1. */
  readonly #bounds: readonly number[];

  constructor(scenario: Scenario, load: number, seed: number) {
    this.#times = new Draws(seed, 1);
    this.#costs = new Draws(seed, 2);
    this.#waits = new Draws(seed, 7);
    this.#clients = new Draws(seed, 8);
    this.#streams = new Draws(seed, 9);
    this.#gapMs = meanCostOf(scenario) / (load * meanCapacityOf(scenario));
    this.#steps = capacityStepsOf(scenario);
    this.#classes = scenario.requests;
    this.#costOf = scenario.requests.map(({ costMs, spread, sigma }) => ({ mean: costMs, spread, sigma }));
    this.#slowClients = scenario.slowClients;
    const total = scenario.requests.reduce((sum, { share }) => sum + share, 0);
    let bound = 0;
    this.#bounds = scenario.requests.map(({ share }) => (bound += share / total));
    this.next();
  }

  next(): void {
    this.#advance(this.#times.exponential(this.#gapMs));
    const draw = this.#costs.uniform();
    let at = 0;
    // The last class absorbs the rounding error.
    while (at < this.#bounds.length - 1 && draw >= (this.#bounds[at] as number)) at++;
    const { wait, body, stream } = this.#classes[at] as RequestClass;
    this.class = at;
    this.cost = this.#costs.quantity(this.#costOf[at] as Quantity);
    this.waitMs = wait === null ? 0 : this.#waits.quantity(wait);
    this.streamMs = stream === null ? 0 : this.streamMsOf(at);
    this.heldMs = this.#slowClients === null || stream !== null ? 0 : this.#heldMs(this.#slowClients, body);
  }

  streamMsOf(requestClass: number): number {
    return this.#streams.exponential((this.#classes[requestClass] as RequestClass).stream?.meanMs ?? 0);
  }

  /** Passes this much time at the rate of all hosts: more, when only some of them exist. */
  #advance(gapMs: number): void {
    let leftMs = gapMs;
    for (;;) {
      const { share } = this.#steps[this.#step] as CapacityStep;
      const untilMs = this.#steps[this.#step + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
      const atMs = this.nextMs + leftMs / share;
      if (atMs < untilMs) {
        this.nextMs = atMs;
        return;
      }
      leftMs -= (untilMs - this.nextMs) * share;
      this.nextMs = untilMs;
      this.#step++;
    }
  }

  #heldMs({ share, bytesPerSecond }: SlowClients, body: Quantity): number {
    const bytes = this.#clients.quantity(body);
    return this.#clients.uniform() < share ? (1000 * bytes) / bytesPerSecond : 0;
  }
}
