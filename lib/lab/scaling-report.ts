// The figures of `processes`: one process and two, the ratio of their requests per second and of their capacity, and
// which of the two ratios decides the goal.

import { type BenchReport, goalAtLeast } from './report.js';
import { median, rounded } from './statistics.js';

/** Lower limit of two processes as a multiple of one. */
const GOAL = 1.8;

/** One measurement of one balancer. */
export interface ScalingSample {
  readonly perSecond: number;
  /** CPU time of all its processes per request. */
  readonly cpuMicros: number;
  readonly userMicros: number;
  readonly systemMicros: number;
  /** CPU time of all its processes per second. */
  readonly busyCores: number;
  /** The share of the process that used most: 1 for one process, 0.5 for two with equal load. */
  readonly busiestShare: number;
}

/** How it was measured. */
export interface ScalingSetup {
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly generator: 'wrk' | 'own';
  readonly cores: number;
  /** Whether the balancer had cores that load and host did not use. */
  readonly isApart: boolean;
}

/** Requests per second at which the busiest process of a balancer fills one core. */
export function capacityOf({ cpuMicros, busiestShare }: ScalingSample): number {
  return 1e6 / (cpuMicros * busiestShare);
}

/** Sums the measurements up; `samples` by number of processes, 1 first. */
export function reportScaling(
  setup: ScalingSetup,
  samples: ReadonlyMap<number, readonly ScalingSample[]>,
  wrong: readonly string[],
): BenchReport {
  const [one = [], several = []] = [...samples.values()];
  const ratio = (of: (sample: ScalingSample) => number): number =>
    rounded(median(several.flatMap((sample, round) => (one[round] === undefined ? [] : [of(sample) / of(one[round])]))), 2);
  const byProcesses = [...samples].map(([processes, list]) => {
    const of = (get: (sample: ScalingSample) => number): number => median(list.map(get));
    return {
      processes,
      perSecond: Math.round(of(({ perSecond }) => perSecond)),
      cpuMicros: rounded(
        of(({ cpuMicros }) => cpuMicros),
        1,
      ),
      userMicros: rounded(
        of(({ userMicros }) => userMicros),
        1,
      ),
      systemMicros: rounded(
        of(({ systemMicros }) => systemMicros),
        1,
      ),
      busyCores: rounded(
        of(({ busyCores }) => busyCores),
        2,
      ),
      busiestShare: rounded(
        of(({ busiestShare }) => busiestShare),
        2,
      ),
      capacityPerSecond: Math.round(of(capacityOf)),
    };
  });
  const multiples = { throughput: ratio(({ perSecond }) => perSecond), capacity: ratio(capacityOf) };
  const { rounds, seconds, connections, generator, cores, isApart } = setup;
  return {
    notes: [
      `GET of 100 bytes on ${connections} keep-alive connections (${generator}), ${rounds} round${rounds === 1 ? '' : 's'} of ${seconds} s in turns, medians; CPU of all processes of a balancer;`,
      'busiest: share of the process that used most CPU; capacity: requests/s at which that process fills one core = 1 / (cpu x busiest);',
      isApart
        ? `${cores} cores, two for the balancer and the others for load and host: the goal is judged by requests/s`
        : `${cores} core${cores === 1 ? '' : 's'}, shared with load and host, which limits requests/s: the goal is judged by capacity`,
    ],
    tables: [
      [
        ['processes', 'requests/s', 'cpu µs/request', 'user + kernel', 'busy cores', 'busiest', 'capacity/s'],
        ...byProcesses.map((each) => [
          String(each.processes),
          each.perSecond,
          each.cpuMicros,
          `${each.userMicros.toFixed(1)} + ${each.systemMicros.toFixed(1)}`,
          each.busyCores,
          each.busiestShare,
          each.capacityPerSecond,
        ]),
        ['2 as a multiple of 1', multiples.throughput, '', '', '', '', multiples.capacity],
      ],
    ],
    goals: [
      goalAtLeast(
        `${isApart ? 'requests/s' : 'capacity by CPU time'} of two processes, as a multiple of one`,
        isApart ? multiples.throughput : multiples.capacity,
        GOAL,
        '',
      ),
    ],
    wrong,
    figures: { ...setup, judgedBy: isApart ? 'throughput' : 'capacity', multiples, byProcesses },
  };
}
