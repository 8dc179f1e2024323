// Measured costs of real balancers as costs of simulated ones. What is measured is the whole of a balancer's coordination at
// rest; how it is made up of timers, messages and rows is taken from docs/figures.md ("What the exchange costs"), in
// proportion. Pure.

import type { BalancerCost, RedisCost } from '../simulation/balancer-cost.js';
import type { BalancerCosts } from './figures.js';

/**
 * Coordination as in docs/figures.md: timers of a balancer need 1.1 % of a core, a table with the answer to it 333 µs, and
 * the master 850 µs for each table that it publishes, 40 µs for a load message and 25 µs for a report.
 */
export const TYPICAL_COORDINATION = {
  idleCores: 0.0107,
  masterIdleCores: 0.005,
  wakeMicros: 100,
  tableMicros: 120,
  loadMicros: 113,
  rowMicros: 0.6,
  masterLoadMicros: 40,
  masterHostMicros: 0.6,
  masterTableMicros: 850,
  reportMicros: 25,
} as const;

/**
 * Redis 7 on the same machine, one message at a time: to wake up takes 50 µs, to publish 2.5, for each receiver 7, and
 * for each row of a table and receiver 0.004. At full load it needs less than a tenth of that for a receiver, since it then
 * writes many messages at once.
 */
export const TYPICAL_REDIS: RedisCost = { wakeMicros: 50, publishMicros: 2.5, receiverMicros: 7, rowMicros: 0.004 };

/** Share of a request's CPU after the host's answer: it is read, and passed on. */
export const AFTER_SHARE = 0.45;

/**
 * A connection more: accepted from a client, and opened to a host, with V8's helpers. On one two-core machine, once,
 * bursts of 20 and 100 requests cost 52 to 194 µs each on kept connections, and 200 to 280 µs more on new ones, 246 µs on
 * average.
 */
const CONNECTION_MICROS = 246;

/** Reports are gathered for this long into one table; as in lib/redis/load-interval.ts. */
const GATHER_MS = 13;

/** Messages and their deliveries of a typical exchange: four balancers with a message each per table, and one report. */
const TYPICAL_MESSAGES = 5 + 1;
const TYPICAL_DELIVERIES = 5 + 4;

/** Where the costs of coordination at rest were measured. */
export interface MeasuredAt {
  readonly hosts: number;
  readonly balancers: number;
}

/** The setup of `bench fleet`. */
export const MEASURED_AT: MeasuredAt = { hosts: 8, balancers: 4 };

/** What a balancer with this many cores needs. */
export function balancerCostOf(costs: BalancerCosts, cores: number, periodMs = 0, at: MeasuredAt = MEASURED_AT): BalancerCost {
  const typical = TYPICAL_COORDINATION;
  // At rest the master publishes what agents report, and balancers say once a second that they live.
  const tablesPerSecond = 1000 / (GATHER_MS + 1000 / at.hosts);
  const slave = typical.idleCores + (tablesPerSecond * (typical.wakeMicros + typical.tableMicros) + typical.loadMicros) / 1e6;
  const master =
    typical.masterIdleCores +
    (tablesPerSecond * typical.masterTableMicros + at.hosts * typical.reportMicros + at.balancers * typical.masterLoadMicros) / 1e6;
  const ofSlave = ratioOf(costs.slaveCores, slave);
  const ofMaster = ratioOf(costs.masterCores - costs.slaveCores, master);
  return {
    cores,
    periodMs,
    requestMicros: costs.requestMicros,
    coldMicros: costs.wakeMicros,
    coolMs: costs.coolMs,
    connectMicros: CONNECTION_MICROS,
    connectionLimit: Number.POSITIVE_INFINITY,
    afterShare: AFTER_SHARE,
    queueLimit: Number.POSITIVE_INFINITY,
    idleCores: ofSlave * typical.idleCores,
    masterIdleCores: ofMaster * typical.masterIdleCores,
    wakeMicros: ofSlave * typical.wakeMicros,
    tableMicros: ofSlave * typical.tableMicros,
    loadMicros: ofSlave * typical.loadMicros,
    rowMicros: ofSlave * typical.rowMicros,
    masterLoadMicros: ofMaster * typical.masterLoadMicros,
    // Measured with few hosts it contains what a message costs besides.
    masterHostMicros: Math.min(costs.masterMessageMicros, ofMaster * typical.masterHostMicros),
    masterTableMicros: ofMaster * typical.masterTableMicros,
    reportMicros: ofMaster * typical.reportMicros,
    standsFor: 1,
  };
}

/** What Redis needs. */
export function redisCostOf({ redisMessageMicros }: BalancerCosts): RedisCost {
  const { wakeMicros, publishMicros, receiverMicros, rowMicros } = TYPICAL_REDIS;
  const typical = (TYPICAL_MESSAGES * (wakeMicros + publishMicros) + TYPICAL_DELIVERIES * receiverMicros) / TYPICAL_DELIVERIES;
  const ratio = ratioOf(redisMessageMicros, typical);
  return {
    wakeMicros: ratio * wakeMicros,
    publishMicros: ratio * publishMicros,
    receiverMicros: ratio * receiverMicros,
    rowMicros: ratio * rowMicros,
  };
}

/** Measured over typical; what was measured wrongly, or not at all, counts as typical. */
function ratioOf(measured: number, typical: number): number {
  return measured > 0 && Number.isFinite(measured) ? measured / typical : 1;
}
