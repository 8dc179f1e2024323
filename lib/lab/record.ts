// The cost of counting a request for metrics, dashboard and status: additions to the shared table.

import type { BenchContext } from './context.js';
import { startRole } from './processes.js';
import { type BenchReport, goalBelow } from './report.js';
import { median, rounded } from './statistics.js';

const DEFAULT_HOSTS = [10, 200, 10_000];
const DEFAULT_ROUNDS = 9;
const DEFAULT_SECONDS = 0.3;
/** At this many hosts all that is counted of them no longer fits the caches of a processor, and memory itself is measured. */
const GOAL_HOSTS = 200;
const GOAL_NS = 100;
/** V8 may box one number, the duration, to pass it on. */
const GOAL_BYTES = 16;
const TIMEOUT_MS = 120_000;

/** Runs the benchmark. */
export async function runRecord({ flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const rounds = flags.rounds ?? DEFAULT_ROUNDS;
  const seconds = flags.seconds ?? DEFAULT_SECONDS;
  const wrong: string[] = [];
  const all: { hosts: number; medianNs: number; minNs: number; maxNs: number; bytes: number }[] = [];
  for (const hosts of flags.hosts ?? DEFAULT_HOSTS) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, so that none disturbs another
    const { child } = await startRole('record', [String(hosts), String(rounds), String(seconds)], { core: null, shutdown });
    // oxlint-disable-next-line no-await-in-loop
    const recorded = await child.next('recorded', TIMEOUT_MS);
    // oxlint-disable-next-line no-await-in-loop
    await child.exited;
    const ns = recorded.ns as number[];
    wrong.push(...(recorded.wrong as string[]).map((what) => `${hosts} hosts: ${what}`));
    const figures = {
      hosts,
      medianNs: rounded(median(ns), 1),
      minNs: rounded(Math.min(...ns), 1),
      maxNs: rounded(Math.max(...ns), 1),
      bytes: rounded(recorded.bytes as number, 2),
    };
    all.push(figures);
    say(`${hosts} hosts: ${figures.medianNs} ns`);
  }
  const upToGoal = all.filter(({ hosts }) => hosts <= GOAL_HOSTS);
  return {
    notes: [
      `CPU time of counting one request: its begin and end, method and status, latency of pool and host; ${rounds} repetitions of ${seconds} s;`,
      'bytes: growth of the used heap over 1,000 requests, median of 101 tries, less what looking takes',
    ],
    tables: [
      [
        ['hosts', 'median ns', 'min ns', 'max ns', 'bytes/request'],
        ...all.map((each) => [each.hosts, each.medianNs, each.minNs, each.maxNs, each.bytes]),
      ],
    ],
    goals: [
      goalBelow(`median, up to ${GOAL_HOSTS} hosts`, Math.max(0, ...upToGoal.map(({ medianNs }) => medianNs)), GOAL_NS, 'ns'),
      goalBelow('allocated for one request', Math.max(...all.map(({ bytes }) => bytes)), GOAL_BYTES, 'bytes'),
    ],
    wrong,
    figures: { byHosts: all },
  };
}
