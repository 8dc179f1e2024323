// The report of `bench site`: tables, goals and figures from what was measured.

import { type BenchReport, goalBelow } from './report.js';
import { OTHER_POOL, type SiteLoadCounts } from './site-load.js';
import type { Held } from './site-roles.js';
import { POOL_HOSTS, REPLACED_POOLS, SITE_POOLS, SITE_ROUTES } from './site-versions.js';
import { distributionOf, median, rounded } from './statistics.js';

/** Balancers of the fleet. */
export const SITE_BALANCERS = 8;

/** The load on all of them together. */
export const SITE_PER_SECOND = 2000;

const IN_FORCE_GOAL_MS = 1000;

/** Memory of a process at rest varies by some percent from one look to the next. */
const MEMORY_GOAL = 1.1;

/** What was measured. */
export interface SiteRun {
  readonly redisKind: string;
  readonly connections: number;
  /** From each application until it was in force everywhere, ms. */
  readonly times: readonly number[];
  /** What the balancers held after the warm-up, after half of the applications, and after all. */
  readonly start: readonly Held[];
  readonly middle: readonly Held[];
  readonly end: readonly Held[];
  readonly counts: SiteLoadCounts;
}

/** Builds the report. */
export function reportSite({ redisKind, connections, times, start, middle, end, counts }: SiteRun): BenchReport {
  const ms = distributionOf(times.map((each) => rounded(each, 1)));
  const failed = Object.values(counts.failed).reduce((sum, count) => sum + count, 0);
  const worst = (held: readonly Held[], of: (each: Held) => number): number => Math.max(...held.map(of));
  const row = (what: string, held: readonly Held[]): (string | number)[] => [
    what,
    rounded(median(held.map(({ heapBytes }) => heapBytes)) / 2 ** 20, 2),
    rounded(median(held.map(({ residentBytes }) => residentBytes)) / 2 ** 20, 1),
    worst(held, ({ slots }) => slots),
    worst(held, ({ highestSlot }) => highestSlot),
    worst(held, ({ pools }) => pools),
    worst(held, ({ highestPool }) => highestPool),
    worst(held, ({ descriptors }) => descriptors),
    worst(held, ({ timers }) => timers),
  ];
  const growth = (of: (each: Held) => number): number => rounded(median(end.map(of)) / median(middle.map(of)), 3);
  const wrongHosts = counts.failed[OTHER_POOL] ?? 0;
  return {
    notes: [
      `${SITE_BALANCERS} balancers, ${SITE_POOLS} pools of ${POOL_HOSTS} hosts, ${SITE_ROUTES} routes, ${redisKind}; ${SITE_PER_SECOND} requests/s on ${connections} kept connections;`,
      `${times.length} applications, each as soon as the last one was in force: ${REPLACED_POOLS} pools are replaced, a fifth of the rest get other hosts,`,
      'a seventh of the routes other pools, and all of them other rules; ms until the last balancer answers by the new version',
    ],
    tables: [
      [
        ['applications', 'min ms', 'p50 ms', 'p99 ms', 'worst ms'],
        [times.length, ms.min, ms.p50, ms.p99, ms.max],
      ],
      [
        ['requests', 'sent', 'right', 'late', 'failed', 'connections closed', 'slowest ms'],
        ['whole run', counts.sent, counts.right, counts.late, failed, counts.closed, rounded(counts.slowestMs, 1)],
      ],
      [
        ['held by a balancer', 'heap MB', 'resident MB', 'slots', 'highest', 'pools', 'highest', 'descriptors', 'timers'],
        row('after the warm-up', start),
        row('after half', middle),
        row('after all', end),
      ],
    ],
    goals: [
      goalBelow('in force everywhere, worst', ms.max, IN_FORCE_GOAL_MS, 'ms'),
      goalBelow('requests failed', failed, 0, '', true),
      goalBelow('requests to hosts that left more than 250 ms before', counts.late, 0, '', true),
      goalBelow('connections closed', counts.closed, 0, '', true),
      goalBelow(
        'slots',
        worst(end, ({ slots }) => slots),
        SITE_POOLS * POOL_HOSTS,
        '',
        true,
      ),
      goalBelow(
        'pools',
        worst(end, ({ pools }) => pools),
        SITE_POOLS,
        '',
        true,
      ),
      goalBelow(
        'heap after all, of that after half',
        growth(({ heapBytes }) => heapBytes),
        MEMORY_GOAL,
        'times',
      ),
      goalBelow(
        'resident memory, the same',
        growth(({ residentBytes }) => residentBytes),
        MEMORY_GOAL,
        'times',
      ),
      goalBelow('timers, more than after half', worst(end, ({ timers }) => timers) - worst(middle, ({ timers }) => timers), 0, '', true),
    ],
    wrong: wrongHosts === 0 ? [] : [`${wrongHosts} answers came from a host of another pool`],
    figures: {
      applications: times.length,
      eachMs: times.map((each) => rounded(each, 1)),
      ms,
      counts,
      failed,
      held: { start, middle, end },
    },
  };
}
