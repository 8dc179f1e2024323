// The master's pace: how long what changed is gathered before it is published, and how often it learns, ticks and
// stores. The simulation keeps the same.

import { SECOND } from '../clock.js';

/** What changed is gathered for so long before it is published: longer where there are many hosts. */
const MIN_FLUSH_MS = 5;
const MAX_FLUSH_MS = 100;
const HOSTS_PER_FLUSH_MS = 100;

/** Loads alone are gathered for so long at least: it bounds what every balancer has to take in. */
const LOAD_FLUSH_MS = 10;

/** How often it is learned what the hosts can do. */
export const LEARN_MS = 100;

/** How often silence is noticed and rates and costs are worked out. */
export const TICK_MS = SECOND;

/** How often the whole table is stored. */
export const SNAPSHOT_EVERY_MS = SECOND;

/** How long to gather before the next flush. */
export function flushDelayMs(hosts: number, isLoadAlone: boolean): number {
  return Math.min(Math.max(hosts / HOSTS_PER_FLUSH_MS, isLoadAlone ? LOAD_FLUSH_MS : MIN_FLUSH_MS), MAX_FLUSH_MS);
}
