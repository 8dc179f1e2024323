// The figures of `churn`: results of the requests, the balancer's resources at rest, and leaks.

import type { FleetView } from '../redis/fleet-view.js';
import type { Tally } from './churn-actions.js';
import { type ActionName, MIX } from './churn-mix.js';
import { type BenchReport, goalBelow } from './report.js';
import { rounded } from './statistics.js';

/** Upper limit of the memory at the end, as a multiple of that in the middle. */
const MEMORY_GOAL = 1.2;

/** The balancer's resources when idle. */
export interface Rest {
  readonly descriptors: number;
  readonly inflight: number;
  readonly residentBytes: number;
}

/** Everything measured. */
export interface Churned {
  readonly setup: { readonly requests: number; readonly connections: number; readonly seed: number; readonly seconds: number };
  readonly tallies: ReadonlyMap<ActionName, Tally>;
  readonly rests: Readonly<Record<'start' | 'middle' | 'end', Rest>>;
  /** The fleet in Redis afterwards. */
  readonly view: FleetView;
  /** The balancer's stderr; at its log level, only errors. */
  readonly stderr: readonly string[];
  readonly wrong: readonly string[];
}

/** Builds the report. */
export function reportChurn({ setup, tallies, rests, view, stderr, wrong }: Churned): BenchReport {
  const { start, middle, end } = rests;
  const counters = view.balancers[0]?.counters ?? {};
  const internal = (counters.internal_errors ?? 0) + (counters.fleet_thread_restarts ?? 0) + (counters.hosts_thread_restarts ?? 0);
  const inHosts = view.hosts.reduce((sum, { inflight }) => sum + (inflight ?? 0), 0);
  const all = [...tallies.values()];
  const sum = (of: (tally: Tally) => number): number => all.reduce((total, tally) => total + of(tally), 0);
  const megabytes = ({ residentBytes }: Rest): number => rounded(residentBytes / 2 ** 20, 1);
  return {
    notes: [
      `${sum(({ requests }) => requests)} requests in ${setup.seconds.toFixed(0)} s through one balancer, ${setup.connections} clients at a time, seed ${setup.seed};`,
      'two hosts, and a third that refuses every connection;',
      'refused: answered by the balancer itself (502, 503, 504); figures are taken at rest',
    ],
    tables: [
      [
        ['what the client does, or meets', '%', 'requests', 'right', 'refused', 'no answer', 'wrong'],
        ...MIX.map(([name, percent, what]) => {
          const { requests, right, refused, unanswered, wrong: wrongs } = tallies.get(name) as Tally;
          return [what, percent, requests, right, refused, unanswered, wrongs];
        }),
      ],
      [
        ['at rest', 'start', 'half', 'end'],
        ['file descriptors', start.descriptors, middle.descriptors, end.descriptors],
        ['in flight', start.inflight, middle.inflight, end.inflight],
        ['memory, MB', megabytes(start), megabytes(middle), megabytes(end)],
      ],
      ...(stderr.length > 0 ? [[['said on stderr'], ...stderr.slice(0, 10).map((line) => [line.slice(0, 200)])]] : []),
    ],
    goals: [
      goalBelow('file descriptors more than at the start', Math.max(0, end.descriptors - start.descriptors), 0, '', true),
      goalBelow('requests in flight at the end, in the balancer and in its load messages', end.inflight + inHosts, 0, '', true),
      goalBelow(
        'memory at the end, as a multiple of that at half',
        rounded(end.residentBytes / middle.residentBytes, 2),
        MEMORY_GOAL,
        '',
        true,
      ),
      goalBelow('errors inside the balancer, threads that died included', internal, 0, '', true),
      goalBelow('lines on its stderr', stderr.length, 0, '', true),
      goalBelow(
        'requests whose clients waited and got nothing',
        sum(({ unanswered }) => unanswered),
        0,
        '',
        true,
      ),
    ],
    wrong: [
      ...wrong,
      ...[...tallies]
        .filter(([, tally]) => tally.wrong > 0)
        .map(([name, tally]) => `${name}: ${tally.wrong} of ${tally.requests}, such as ${tally.examples.join('; ')}`),
    ],
    figures: { ...setup, seconds: rounded(setup.seconds, 1), actions: Object.fromEntries(tallies), rests, counters, stderr: stderr.length },
  };
}
