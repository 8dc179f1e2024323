// The figures of `profile`: CPU time of the main thread per request, by group and by function. The profiler marks the
// thread as idle while libuv reads and polls outside JavaScript, so that time is computed: CPU time of the thread minus
// all samples. If the samples exceed the CPU time, the thread waited for its core, and they are scaled down to it.

import type { WorkloadName } from './context.js';
import type { SelfTime } from './cpu-profile.js';
import { GROUPS, groupOf, OUTSIDE, REST } from './profile-groups.js';
import { type BenchReport, goalBelow, type Rows } from './report.js';
import { rounded } from './statistics.js';
import { WORKLOAD_OF } from './workloads.js';

/** Limit of the time in no group; above it, the table of groups needs an edit. */
const GOAL_REST_PERCENT = 5;

const TOP_FUNCTIONS = 15;

/** What was measured of one workload. */
export interface Profiled {
  readonly workload: WorkloadName;
  readonly requests: number;
  /** CPU of the main thread per request without the profiler. */
  readonly plainMicros: number;
  /** The same with the profiler. */
  readonly mainMicros: number;
  /** Of that, in the kernel. */
  readonly systemMicros: number;
  /** CPU of all other threads per request, with the profiler. */
  readonly othersMicros: number;
  readonly times: readonly SelfTime[];
}

/** How it was measured. */
export interface ProfileSetup {
  readonly seconds: number;
  readonly connections: number;
  readonly generator: 'wrk' | 'own';
  readonly sampleEveryMicros: number;
}

/** A row of a table. */
interface Share {
  readonly name: string;
  readonly micros: number;
  readonly percent: number;
}

/** Microseconds per request by group, in descending order; groups without any are left out. */
export function sharesOf({ requests, mainMicros, times }: Profiled): Share[] {
  const sums = new Map<string, number>(GROUPS.map((group) => [group, 0]));
  const add = (group: string, micros: number): void => void sums.set(group, (sums.get(group) ?? 0) + micros);
  for (const { frame, callers, micros } of times) {
    const group = groupOf(frame, callers);
    if (group !== undefined) add(group, micros / requests);
  }
  const sampled = [...sums.values()].reduce((sum, micros) => sum + micros, 0);
  add(OUTSIDE, Math.max(0, mainMicros - sampled));
  const scale = Math.min(1, mainMicros / sampled);
  return [...sums]
    .filter(([group, micros]) => micros > 0 || group === REST)
    .map(([name, micros]) => ({ name, micros: rounded(micros * scale, 2), percent: rounded(((micros * scale) / mainMicros) * 100, 1) }))
    .toSorted((one, other) => other.micros - one.micros);
}

/** The functions with the most self time. */
function functionsOf({ requests, mainMicros, times }: Profiled): (Share & { readonly group: string })[] {
  const sums = new Map<string, { readonly group: string; micros: number }>();
  for (const { frame, callers, micros } of times) {
    const group = groupOf(frame, callers);
    if (group === undefined) continue;
    const file = frame.url.replace(/^.*\/dist\/lib\//, '').replace(/^.*\/node_modules\//, '');
    const name = `${frame.functionName || '(anonymous)'}${file === '' ? '' : ` ${file}:${frame.lineNumber + 1}`}`;
    const sum = sums.get(name) ?? { group, micros: 0 };
    sum.micros += micros / requests;
    sums.set(name, sum);
  }
  return [...sums]
    .map(([name, { group, micros }]) => ({ name, group, micros: rounded(micros, 2), percent: rounded((micros / mainMicros) * 100, 1) }))
    .toSorted((one, other) => other.micros - one.micros)
    .slice(0, TOP_FUNCTIONS);
}

/** Sums the measurements up. */
export function reportProfile(setup: ProfileSetup, profiled: readonly Profiled[], wrong: readonly string[]): BenchReport {
  const workloads = profiled.map((each) => {
    const { workload, requests, plainMicros, mainMicros, systemMicros, othersMicros } = each;
    return {
      name: workload,
      requests,
      plainMicros: rounded(plainMicros, 1),
      mainMicros: rounded(mainMicros, 1),
      systemMicros: rounded(systemMicros, 1),
      othersMicros: rounded(othersMicros, 1),
      groups: sharesOf(each),
      functions: functionsOf(each),
    };
  });
  const { seconds, connections, generator, sampleEveryMicros } = setup;
  return {
    notes: [
      `CPU µs of meercat's main thread per request; ${connections} connections, ${seconds} s, a sample every ${sampleEveryMicros} µs (node --cpu-prof); load: ${generator};`,
      ...workloads.map(
        ({ name, plainMicros, mainMicros, systemMicros, othersMicros }) =>
          `${name}: ${mainMicros} µs, of which ${systemMicros} in the kernel; without the profiler ${plainMicros}; other threads (compiler, collector, fleet, hosts) ${othersMicros};`,
      ),
      'groups: lib/lab/profile-groups.ts; rest: in no group',
    ],
    tables: workloads.flatMap(({ name, groups, functions, mainMicros }): Rows[] => [
      [
        [WORKLOAD_OF[name].title, `µs/${WORKLOAD_OF[name].unit}`, '%'],
        ...groups.map((group) => [group.name, group.micros.toFixed(2), group.percent.toFixed(1)]),
        ['all', mainMicros.toFixed(2), '100'],
      ],
      [
        ['function', 'µs', '%', 'group'],
        ...functions.map((each) => [each.name, each.micros.toFixed(2), each.percent.toFixed(1), each.group]),
      ],
    ]),
    goals: workloads.map(({ name, groups }) =>
      goalBelow(
        `${WORKLOAD_OF[name].title}: time in no group`,
        groups.find((group) => group.name === REST)?.percent ?? 0,
        GOAL_REST_PERCENT,
        '%',
        true,
      ),
    ),
    wrong,
    figures: { ...setup, workloads },
  };
}
