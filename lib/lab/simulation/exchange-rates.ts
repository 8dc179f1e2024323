// What the exchange of a busy fleet costs Redis and the master, by calculation with the product's own intervals: for sizes
// that take too long to simulate. Every host changes in every interval. Pure; a test compares it with the simulation.

import { gatherMs, longestIntervalMs } from '../../redis/load-interval.js';
import type { BalancerCost, RedisCost } from './balancer-cost.js';

/** Messages per second, and what they cost in cores. */
export interface ExchangeRates {
  readonly loads: number;
  readonly tables: number;
  readonly reports: number;
  readonly redisCores: number;
  /** The master's thread for its hosts. */
  readonly masterCores: number;
}

/** The sizes among which the largest one is sought. */
const MOST_BALANCERS = 1_000_000;

/** The exchange of a fleet of this size; agents report once per `reportMs`. */
export function exchangeRates(balancers: number, hosts: number, cost: BalancerCost, redis: RedisCost, reportMs: number): ExchangeRates {
  const everyMs = longestIntervalMs(balancers, hosts);
  const reports = (1000 * hosts) / reportMs;
  // A report begins to be gathered when the table before has been published.
  const tables = 1000 / (gatherMs(everyMs, false) + 1000 / reports);
  const loads = (1000 * balancers) / everyMs;
  const published = loads + tables + reports;
  const delivered =
    (loads + reports) * redis.receiverMicros +
    loads * hosts * redis.rowMicros +
    tables * balancers * (redis.receiverMicros + hosts * redis.rowMicros);
  const handling = (published * redis.publishMicros + delivered) / 1e6;
  // It must be woken only for a message that finds it idle.
  const waking = (published * redis.wakeMicros) / 1e6;
  const redisCores = handling >= 1 ? handling : (handling + waking) / (1 + waking);
  const masterCores =
    cost.masterIdleCores +
    (tables * (cost.masterTableMicros + hosts * cost.rowMicros) +
      loads * (cost.masterLoadMicros + hosts * cost.masterHostMicros) +
      reports * cost.reportMicros) /
      1e6;
  return { loads, tables, reports, redisCores, masterCores };
}

/** The largest fleet for which a resource needs no more than a core; 0 if none does. */
export function largestFleet(coresOf: (balancers: number) => number): number {
  let [within, beyond] = [0, MOST_BALANCERS];
  while (beyond - within > 1) {
    const middle = (within + beyond) >> 1;
    if (coresOf(middle) < 1) within = middle;
    else beyond = middle;
  }
  return within;
}
