// The master's pace: how long what changed is gathered before it is published, and how often it learns, ticks and
// stores. The simulation keeps the same.

import { SECOND } from '../clock.js';
import { loadIntervalMs } from '../routing/load-interval.js';

/** What changed is gathered for so long before it is published: longer where there are many hosts. */
const MIN_FLUSH_MS = 5;
const MAX_FLUSH_MS = 100;
const HOSTS_PER_FLUSH_MS = 100;

/** From a table to the first answer to it. */
const ANSWER_MS = 1;

/** How often it is learned what the hosts can do. */
export const LEARN_MS = 100;

/** How often silence is noticed and rates and costs are worked out. */
export const TICK_MS = SECOND;

/** How often the whole table is stored. */
export const SNAPSHOT_EVERY_MS = SECOND;

/** How long to gather before the next flush. */
export function flushDelayMs(hosts: number): number {
  return Math.min(Math.max(hosts / HOSTS_PER_FLUSH_MS, MIN_FLUSH_MS), MAX_FLUSH_MS);
}

/** The same where only loads changed: all balancers are to have answered the table before, which takes them a moment. */
export function loadFlushDelayMs(balancers: number, hosts: number): number {
  return Math.min(loadIntervalMs(balancers, hosts) - ANSWER_MS, MAX_FLUSH_MS);
}
