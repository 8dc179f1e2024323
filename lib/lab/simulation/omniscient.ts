// The floor: policies that see the current state of all hosts, whatever the balancer.
// `omniscient` picks the host with the shortest expected delay, least (n + 1) / capacity (Banawan and Zahorjan, INFOCOM
// 1989); `omniscient-work` also knows the cost of each request, and the work in flight. Ties are broken at random.

import type { Draws } from './draws.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import { HOST_UP, type HostMachines } from './host-machines.js';

/** Weight of the work in flight relative to the time of the request itself. */
const WORK_WEIGHT = 0.3;

/** Picks the least (n + 1) / capacity over all live hosts. */
export class Omniscient implements Picker {
  readonly #machines: HostMachines;
  readonly #draws: Draws;
  readonly #balancer: FleetBalancer;

  constructor(machines: HostMachines, draws: Draws, balancer: FleetBalancer) {
    this.#machines = machines;
    this.#draws = draws;
    this.#balancer = balancer;
  }

  pick(): number {
    const { count, cores, lost, speed, inflight, standing } = this.#machines;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    let equals = 1;
    for (let host = 0; host < count; host++) {
      if (standing[host] !== HOST_UP) continue;
      const score = ((inflight[host] as number) + 1) / (((cores[host] as number) - (lost[host] as number)) * (speed[host] as number));
      if (score < bestScore) {
        bestScore = score;
        best = host;
        equals = 1;
      } else if (score === bestScore && this.#draws.below(++equals) === 0) {
        best = host;
      }
    }
    return best < 0 ? -1 : (this.#balancer.slotOf[best] as number);
  }
}

/** Picks the least time for this request, plus a share of the work in flight. */
export class OmniscientWork implements Picker {
  readonly #machines: HostMachines;
  readonly #draws: Draws;
  readonly #balancer: FleetBalancer;
  readonly #costNow: () => number;

  /** @param costNow the true cost of the current request */
  constructor(machines: HostMachines, draws: Draws, balancer: FleetBalancer, costNow: () => number) {
    this.#machines = machines;
    this.#draws = draws;
    this.#balancer = balancer;
    this.#costNow = costNow;
  }

  pick(): number {
    const { count, cores, lost, speed, inflight, work, standing } = this.#machines;
    const cost = this.#costNow();
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    let equals = 1;
    for (let host = 0; host < count; host++) {
      if (standing[host] !== HOST_UP) continue;
      const left = (cores[host] as number) - (lost[host] as number);
      const own = speed[host] as number;
      const score =
        (cost * Math.max(1, ((inflight[host] as number) + 1) / left)) / own + (WORK_WEIGHT * (work[host] as number)) / (left * own);
      if (score < bestScore) {
        bestScore = score;
        best = host;
        equals = 1;
      } else if (score === bestScore && this.#draws.below(++equals) === 0) {
        best = host;
      }
    }
    return best < 0 ? -1 : (this.#balancer.slotOf[best] as number);
  }
}
