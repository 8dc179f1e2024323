// The master's pace: how long what changed is gathered before it is published, and how often it learns, ticks and
// stores. The simulation keeps the same.

import { SECOND } from '../clock.js';
import { ExchangeBudget, loadIntervalMs, longestIntervalMs } from '../redis/load-interval.js';

/** What changed is gathered for so long before it is published: longer where there are many hosts. Reports of a few hosts seldom come together, and waiting saves nothing. */
const MIN_FLUSH_MS = 6;
const FEW_HOSTS_PER_MS = 25;
const USUAL_FLUSH_MS = 10;
const HOSTS_PER_FLUSH_MS = 500;
const MAX_FLUSH_MS = 100;

/** Reports wait no longer than so where a fleet is small enough, however busy the master: figures are to be no older than 25 ms anywhere. */
const MAX_REPORT_WAIT_MS = 14;
/** The same with few hosts, of a busy master too. */
const BUSY_FLUSH_MS = 7;
const BUSY_HOSTS_PER_MS = 10;

/** From a table to the first answer to it. */
const ANSWER_MS = 1;

/** How often at most it is learned what the hosts can do: before what changed is published. */
export const LEARN_MS = 100;

/** How often silence is noticed and rates and costs are worked out. */
export const TICK_MS = SECOND;

/** How often hashes that are due are stored: many at one stroke, since each time costs more than what is stored. */
export const STORE_EVERY_MS = 500;

/** How often the whole table is stored. */
export const SNAPSHOT_EVERY_MS = SECOND;

/** A master that is not busy. */
const AT_EASE = new ExchangeBudget();

/**
 * How long to gather before the next flush.
 * @param budget makes it longer on a busy master
 */
export function flushDelayMs(hosts: number, budget = AT_EASE): number {
  const wishedMs = Math.min(MIN_FLUSH_MS + hosts / FEW_HOSTS_PER_MS, USUAL_FLUSH_MS + hosts / HOSTS_PER_FLUSH_MS, MAX_FLUSH_MS);
  return budget.stretched(wishedMs, Math.min(BUSY_FLUSH_MS + hosts / BUSY_HOSTS_PER_MS, MAX_REPORT_WAIT_MS));
}

/** How long balancers are to wait between two load messages. */
export function loadEveryMs(balancers: number, hosts: number, budget = AT_EASE): number {
  return budget.stretched(loadIntervalMs(balancers, hosts), longestIntervalMs(balancers, hosts));
}

/** As `flushDelayMs`, where only loads changed: all balancers are to have answered the table before, which takes them a moment. */
export function loadFlushDelayMs(balancers: number, hosts: number, budget = AT_EASE): number {
  return Math.min(loadEveryMs(balancers, hosts, budget) - ANSWER_MS, MAX_FLUSH_MS);
}
