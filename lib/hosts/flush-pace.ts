// The master's timing: how long changes are batched before they are published, and how often it learns, ticks and
// stores. The simulation uses the same values.

import { SECOND } from '../clock.js';
import { ExchangeBudget, loadIntervalMs, longestIntervalMs } from '../redis/load-interval.js';

/**
 * Batching delay before changes are published; longer with many hosts. Reports of a few hosts rarely coincide, so
 * waiting would save nothing.
 */
const MIN_FLUSH_MS = 6;
const FEW_HOSTS_PER_MS = 25;
const USUAL_FLUSH_MS = 10;
const HOSTS_PER_FLUSH_MS = 500;
const MAX_FLUSH_MS = 100;

/** Maximum wait of a report on a busy master, provided the fleet is small enough: figures must be at most 25 ms old everywhere. */
const MAX_REPORT_WAIT_MS = 14;
/** The same limit for few hosts. */
const BUSY_FLUSH_MS = 7;
const BUSY_HOSTS_PER_MS = 10;

/** Time from a table to the first load message that answers it. */
const ANSWER_MS = 1;

/** Minimum interval between two updates of the learned capacities, done just before publishing. */
export const LEARN_MS = 100;

/** Interval at which silence is detected and rates and costs are updated. */
export const TICK_MS = SECOND;

/** Interval at which due hashes are stored. They are batched because each write costs more than its contents. */
export const STORE_EVERY_MS = 500;

/** Interval at which the whole table is stored. */
export const SNAPSHOT_EVERY_MS = SECOND;

/** The budget of an idle master. */
const AT_EASE = new ExchangeBudget();

/**
 * Batching delay before the next flush, in ms.
 * @param budget stretches the delay on a busy master
 */
export function flushDelayMs(hosts: number, budget = AT_EASE): number {
  const wishedMs = Math.min(MIN_FLUSH_MS + hosts / FEW_HOSTS_PER_MS, USUAL_FLUSH_MS + hosts / HOSTS_PER_FLUSH_MS, MAX_FLUSH_MS);
  return budget.stretched(wishedMs, Math.min(BUSY_FLUSH_MS + hosts / BUSY_HOSTS_PER_MS, MAX_REPORT_WAIT_MS));
}

/** Interval that balancers must keep between two load messages, in ms. */
export function loadEveryMs(balancers: number, hosts: number, budget = AT_EASE): number {
  return budget.stretched(loadIntervalMs(balancers, hosts), longestIntervalMs(balancers, hosts));
}

/** Like `flushDelayMs`, when only loads changed: gives all balancers the time to answer the previous table. */
export function loadFlushDelayMs(balancers: number, hosts: number, budget = AT_EASE): number {
  return Math.min(loadEveryMs(balancers, hosts, budget) - ANSWER_MS, MAX_FLUSH_MS);
}
