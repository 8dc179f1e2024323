// The floor: policies that see the current state of all hosts, whatever the balancer.
// `omniscient` picks the host with the shortest expected delay, least (n + 1) / capacity (Banawan and Zahorjan, INFOCOM
// 1989); `omniscient-work` also knows the cost of each request, and the work in flight. Ties are broken at random.
// What counts is what shares the cores at the moment: neither requests that wait nor streams.

import type { TableReader } from '../../table/reader.js';
import type { Draws } from './draws.js';
import type { FleetBalancer, Picker } from './fleet-balancer.js';
import type { TrueState } from './true-state.js';

/** Weight of the work in flight relative to the time of the request itself. */
const WORK_WEIGHT = 0.3;

/** Picks the least (n + 1) / capacity over all live hosts. */
export class Omniscient implements Picker {
  readonly #state: TrueState;
  readonly #draws: Draws;
  readonly #balancer: FleetBalancer;

  constructor(state: TrueState, draws: Draws, balancer: FleetBalancer) {
    this.#state = state;
    this.#draws = draws;
    this.#balancer = balancer;
  }

  pick(_: TableReader, nowMs: number): number {
    const state = this.#state;
    const { slotOf } = this.#balancer;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    let equals = 1;
    for (let host = 0; host < state.count; host++) {
      if (!state.isUp(host) || (slotOf[host] as number) < 0) continue;
      const score = (state.running(host) + 1) / (state.coresLeft(host) * state.speed(host, nowMs));
      if (score < bestScore) {
        bestScore = score;
        best = host;
        equals = 1;
      } else if (score === bestScore && this.#draws.below(++equals) === 0) {
        best = host;
      }
    }
    return best < 0 ? -1 : (slotOf[best] as number);
  }
}

/** Picks the least time for this request, plus a share of the work in flight. */
export class OmniscientWork implements Picker {
  readonly #state: TrueState;
  readonly #draws: Draws;
  readonly #balancer: FleetBalancer;
  readonly #costNow: () => number;

  /** @param costNow the true cost of the current request */
  constructor(state: TrueState, draws: Draws, balancer: FleetBalancer, costNow: () => number) {
    this.#state = state;
    this.#draws = draws;
    this.#balancer = balancer;
    this.#costNow = costNow;
  }

  pick(_: TableReader, nowMs: number): number {
    const state = this.#state;
    const { slotOf } = this.#balancer;
    const cost = this.#costNow();
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    let equals = 1;
    for (let host = 0; host < state.count; host++) {
      if (!state.isUp(host) || (slotOf[host] as number) < 0) continue;
      const left = state.coresLeft(host);
      const speed = state.speed(host, nowMs);
      const score = (cost * Math.max(1, (state.running(host) + 1) / left)) / speed + (WORK_WEIGHT * state.work(host)) / (left * speed);
      if (score < bestScore) {
        bestScore = score;
        best = host;
        equals = 1;
      } else if (score === bestScore && this.#draws.below(++equals) === 0) {
        best = host;
      }
    }
    return best < 0 ? -1 : (slotOf[best] as number);
  }
}
