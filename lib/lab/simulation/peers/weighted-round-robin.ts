// Weighted round-robin, as gRPC and Google's services do it: a host's weight is what it finished per CPU time that it
// spent, q/u, so that all hosts use the same share of their CPU. Requests given up count as CPU time and not as finished.
// Sources: gRPC proposal A58, "client-side weighted round robin"; Wydrowski and others, "Introducing Prequal", NSDI 2024,
// section 2. The order is that of nginx's smooth weighted round-robin.

import { isEligible } from '../../../routing/eligible.js';
import type { TableReader } from '../../../table/reader.js';
import type { Draws } from '../draws.js';
import type { EventQueue } from '../event-queue.js';
import type { FleetBalancer, Picker } from '../fleet-balancer.js';
import type { HostMachines } from '../host-machines.js';

/** Interval over which hosts measure and report (the default of A58's out-of-band reports). */
const REPORT_MS = 10_000;

/** Time of the first report: hosts start with equal weights, which overload the slow ones. */
const FIRST_REPORT_MS = 1000;

/** The weights of all hosts, from their own reports. */
export class UsageWeights {
  readonly weights: Float64Array;
  readonly #machines: HostMachines;
  readonly #queue: EventQueue;
  readonly #finished: Float64Array;
  readonly #usedBeforeMs: Float64Array;

  constructor(machines: HostMachines, queue: EventQueue) {
    this.#machines = machines;
    this.#queue = queue;
    this.weights = new Float64Array(machines.count).fill(1);
    this.#finished = new Float64Array(machines.count);
    this.#usedBeforeMs = new Float64Array(machines.count);
    queue.schedule(FIRST_REPORT_MS, this.#onReports, 0, undefined);
  }

  /** Counts a completed request. */
  onDone(host: number): void {
    this.#finished[host] = (this.#finished[host] as number) + 1;
  }

  /** Takes over what hosts measured since the last time. A host that did nothing gets the mean weight of the others. */
  readonly #onReports = (): void => {
    const { count, requestMs } = this.#machines;
    let sum = 0;
    let known = 0;
    for (let host = 0; host < count; host++) {
      this.#machines.advance(host, this.#queue.nowMs);
      const usedMs = (requestMs[host] as number) - (this.#usedBeforeMs[host] as number);
      const weight = usedMs > 0 ? (this.#finished[host] as number) / usedMs : 0;
      this.weights[host] = weight;
      this.#finished[host] = 0;
      this.#usedBeforeMs[host] = requestMs[host] as number;
      sum += weight;
      if (weight > 0) known++;
    }
    // In units of the mean weight, as what hosts are owed outlasts the reports.
    for (let host = 0; host < count; host++) this.weights[host] = ((this.weights[host] as number) * known) / sum || 1;
    this.#queue.schedule(this.#queue.nowMs + REPORT_MS, this.#onReports, 0, undefined);
  };
}

/** Picks hosts in turn, each as often as its weight says. */
export class WeightedRoundRobin implements Picker {
  readonly #usage: UsageWeights;
  readonly #balancer: FleetBalancer;
  /** What each host is owed, in units of weight. */
  readonly #owed: Float64Array;

  constructor(usage: UsageWeights, draws: Draws, balancer: FleetBalancer) {
    this.#usage = usage;
    this.#balancer = balancer;
    // Balancers start at different places, as they would otherwise move in lockstep.
    this.#owed = usage.weights.map((weight) => weight * draws.uniform());
  }

  pick(view: TableReader, nowMs: number, excluded: number): number {
    const { weights } = this.#usage;
    const candidates = view.candidates();
    const count = candidates[0] as number;
    let best = -1;
    let total = 0;
    for (let place = 1; place <= count; place++) {
      const slot = candidates[place] as number;
      if (!isEligible(view, slot, nowMs, excluded)) continue;
      const host = this.#balancer.hostOf[slot] as number;
      const weight = weights[host] as number;
      total += weight;
      this.#owed[host] = (this.#owed[host] as number) + weight;
      if (best < 0 || (this.#owed[host] as number) > (this.#owed[best] as number)) best = host;
    }
    if (best < 0) return -1;
    this.#owed[best] = (this.#owed[best] as number) - total;
    return this.#balancer.slotOf[best] as number;
  }
}
