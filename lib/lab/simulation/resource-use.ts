// What balancers and Redis used over the measured time. Pure bookkeeping: counters at the start, and at the end.

import type { BalancerCost } from './balancer-cost.js';
import type { Network } from './network.js';
import { FLEET_THREAD, HOSTS_THREAD, TRAFFIC_THREAD } from './processor.js';
import type { Processors } from './processors.js';
import type { RedisServer } from './redis-server.js';

/** Shares of a core, and messages per second. */
export interface ResourceUse {
  /** Requests that came to each balancer. */
  readonly requests: readonly number[];
  /** CPU of the traffic threads, on average, and of the busiest one. */
  readonly trafficCores: number;
  readonly trafficHighest: number;
  /** CPU of a slave's coordination, on average, and of the master's. */
  readonly slaveCores: number;
  readonly masterCores: number;
  readonly redisCores: number;
  /**
   * CPU that the requests of the neediest balancer need, its turns apart, as a share of what coordination leaves: above 1 its queue grows. 0
   * if balancers need none.
   */
  readonly need: number;
  /** Whether that balancer is the master. */
  readonly isMasterNeediest: boolean;
  /** Messages published, and delivered: one of a table to each balancer. */
  readonly publishedPerSecond: number;
  readonly deliveredPerSecond: number;
}

/** What is counted. */
export interface ResourceUseOptions {
  readonly processors: Processors | null;
  readonly redis: RedisServer | null;
  readonly network: Network;
  /** Null: balancers need no CPU. */
  readonly cost: BalancerCost | null;
  /** Whether each request comes to any living balancer: then each one's share is known, and need not be counted. */
  readonly isEven: boolean;
  /** Requests that have come to each balancer so far. */
  readonly requests: Int32Array;
  /** Index of the master; -1 if there is none. */
  readonly master: () => number;
}

interface Counters {
  readonly atMs: number;
  readonly cpuMs: readonly Float64Array[];
  readonly redisMs: number;
  readonly published: number;
  readonly sent: number;
  readonly requests: Int32Array;
}

/** Measures the use of one run. */
export class ResourceMeter {
  readonly #options: ResourceUseOptions;
  #start: Counters | undefined;

  constructor(options: ResourceUseOptions) {
    this.#options = options;
  }

  /** The measured time begins. */
  start(nowMs: number): void {
    this.#start = this.#read(nowMs);
  }

  /** The measured time ends. Null if it never began. */
  finish(nowMs: number): ResourceUse | null {
    const [from, to] = [this.#start, this.#read(nowMs)];
    if (from === undefined || to.atMs <= from.atMs) return null;
    const elapsedMs = to.atMs - from.atMs;
    const coresOf = (index: number, thread: number): number =>
      ((to.cpuMs[index]?.[thread] ?? 0) - (from.cpuMs[index]?.[thread] ?? 0)) / elapsedMs;
    const traffic = to.cpuMs.map((_, index) => coresOf(index, TRAFFIC_THREAD));
    const coordination = to.cpuMs.map((_, index) => coresOf(index, FLEET_THREAD) + coresOf(index, HOSTS_THREAD));
    const master = this.#options.master();
    const requests = Array.from(to.requests, (count, index) => count - (from.requests[index] as number));
    const needs = this.#needs(requests, coordination, master, elapsedMs);
    const need = Math.max(0, ...needs);
    return {
      requests,
      need,
      isMasterNeediest: needs[master] === need,
      trafficCores: mean(traffic),
      trafficHighest: Math.max(0, ...traffic),
      slaveCores: mean(coordination.filter((_, index) => index !== master)),
      masterCores: coordination[master] ?? 0,
      redisCores: (to.redisMs - from.redisMs) / elapsedMs,
      publishedPerSecond: (1000 * (to.published - from.published)) / elapsedMs,
      deliveredPerSecond: (1000 * (to.sent - from.sent)) / elapsedMs,
    };
  }

  #needs(requests: readonly number[], coordination: readonly number[], master: number, elapsedMs: number): number[] {
    const { cost, isEven } = this.#options;
    if (cost === null) return [];
    return coordination.map((cores, index) => {
      const count = isEven ? mean(requests) : (requests[index] as number);
      const traffic = (count * cost.requestMicros) / 1000 / elapsedMs;
      // The traffic thread uses one core at most, and gets its fair share beside the threads of the coordination.
      const threads = index === master ? 3 : 2;
      return traffic / Math.min(1, Math.max(cost.cores - cores, cost.cores / threads));
    });
  }

  #read(nowMs: number): Counters {
    const { processors, redis, network, requests } = this.#options;
    for (const processor of processors?.each ?? []) processor.advance(nowMs);
    return {
      atMs: nowMs,
      cpuMs: (processors?.each ?? []).map(({ cpuMs }) => cpuMs.slice()),
      redisMs: redis?.cpuMs ?? 0,
      published: redis?.published ?? 0,
      sent: network.sent,
      requests: requests.slice(),
    };
  }
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, each) => sum + each, 0) / values.length;
}
