// The figures of `policies`: latency with each contestant, how evenly the hosts were used, and the cost of Meercat's
// control plane. Medians over the rounds; ratios compare turns of the same round, which had the same requests and the
// same noisy neighbours.

import type { Contestant } from './contestants.js';
import { FLEET_SIZE } from './contestants.js';
import { CONTROL_RPS, type ControlFigures } from './control-plane.js';
import { type BenchReport, type Goal, goalBelow, type Rows } from './report.js';
import { type Distribution, median, rounded } from './statistics.js';

/** Limit of the CPU of a balancer's control threads, in percent of a core. */
const CONTROL_GOAL_PERCENT = 3;

/** Above this utilization the machine itself is the bottleneck. */
const BUSY_LIMIT = 0.6;

/** The reference contestant. */
const OURS = 'meercat adaptive';

/** One turn of one contestant. */
export interface PolicySample {
  readonly ms: Distribution & { readonly p999: number };
  /** Time in the host. The rest of `ms` is the path to it, including the balancer. */
  readonly inHostMs: Distribution & { readonly p999: number };
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  /** Requests not answered in time: their recorded latency is a lower bound. */
  readonly unfinished: number;
  /** Maximum over mean of the hosts' utilization of the cores available to them. */
  readonly spread: number;
  /** Mean utilization (0..1). */
  readonly busy: number;
  /** Real cores used by the four processes of the fleet. */
  readonly fleetCores: number;
  /** Utilization (0..1) of the whole machine, including unrelated processes. */
  readonly machineBusy: number;
  /** p99 lateness of sending requests or of the hosts' responses, whichever is worse. */
  readonly lateMs: number;
}

/** All turns, by load in percent and by contestant, in the order of the rounds. */
export type Samples = ReadonlyMap<number, ReadonlyMap<string, PolicySample[]>>;

/** How it was measured. */
export interface PoliciesSetup {
  readonly percent: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly slow: number;
  readonly hosts: number;
  readonly redis: string;
}

/** Figures of one contestant at one load. */
interface Figures {
  readonly name: string;
  readonly kind: Contestant['kind'];
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p99Min: number;
  readonly p99Max: number;
  readonly p999: number;
  readonly p999Min: number;
  readonly p999Max: number;
  /** Median time in the host. */
  readonly inHostP50: number;
  readonly inHostP99: number;
  readonly inHostP999: number;
  /** p99 relative to the omniscient balancer's, and to ours. */
  readonly ofFloor: number;
  readonly ofOurs: number;
  readonly spread: number;
  readonly busy: number;
  readonly requests: number;
  readonly failed: number;
  readonly failures: readonly Readonly<Record<string, number>>[];
  readonly unfinished: number;
  readonly fleetCores: number;
  readonly machineBusy: number;
  readonly lateMs: number;
}

/** Builds the report. */
export function reportPolicies(
  setup: PoliciesSetup,
  contestants: readonly Contestant[],
  samples: Samples,
  control: readonly ControlFigures[],
  wrong: readonly string[],
): BenchReport {
  const byLoad = [...samples].map(([percent, of]) => ({
    percent,
    contestants: contestants.map((contestant) => figuresOf(contestant, of)),
  }));
  const busiest = Math.max(...byLoad.flatMap(({ contestants: list }) => list.map(({ machineBusy }) => machineBusy)));
  const { rounds, seconds, slow, hosts, redis } = setup;
  return {
    notes: [
      `${hosts} simulated hosts of 4 cores, a quarter at 0.6 speed, neighbours that take 1 to 3 cores and move about every 8 s; 5/20/200 ms of CPU for 80/15/5 %;`,
      `fleets of ${FLEET_SIZE} processes, ${redis}; open load at random times, the same for all in a round; ${rounds} round${rounds === 1 ? '' : 's'} of ${seconds} s in turns, medians;`,
      ...(slow === 1
        ? []
        : [
            `all times of requests and neighbours are ${slow} times as long, those of Meercat as they are: its figures are that much fresher;`,
          ]),
      'ms from when a request was due; x floor, x adaptive: p99 as a multiple, in the same round; unfinished: slower than it looks;',
      'in host: by its own clock, so that only the pick tells; spread: highest over mean CPU of hosts, of what neighbours leave;',
      `cores: real ones that the fleet used; machine: busy with anything at all${busiest > BUSY_LIMIT ? `: it was too busy (${Math.round(busiest * 100)} %), try --slow 2 or 4` : ''}; late: of timers of load and hosts, p99;`,
      "control plane: percent of a core by thread, of slaves the median; traffic: the thread that requests pass through; helpers: V8's threads for garbage and compiling, of all of them",
    ],
    tables: [
      ...byLoad.flatMap(({ percent, contestants: list }) => tablesOf(percent, list)),
      ...(control.length === 0 ? [] : [controlTable(control), channelTable(control)]),
    ],
    goals: [...byLoad.flatMap(({ percent, contestants: list }) => goalsOf(percent, list)), ...control.map(controlGoal)],
    wrong,
    figures: { ...setup, byLoad, control: control.map(roundControl) },
  };
}

function figuresOf({ name, kind }: Contestant, all: ReadonlyMap<string, readonly PolicySample[]>): Figures {
  const own = all.get(name) ?? [];
  const of = (get: (sample: PolicySample) => number): number => median(own.map(get));
  const ratioTo = (other: readonly PolicySample[] | undefined): number =>
    median(own.flatMap(({ ms }, round) => (other?.[round] === undefined ? [] : [ms.p99 / other[round].ms.p99])));
  const floor = [...all.values()][0];
  const each = (get: (sample: PolicySample) => number): number[] => own.map(get);
  const sum = (get: (sample: PolicySample) => number): number => own.reduce((total, sample) => total + get(sample), 0);
  return {
    name,
    kind,
    p50: rounded(
      of(({ ms }) => ms.p50),
      2,
    ),
    p90: rounded(
      of(({ ms }) => ms.p90),
      2,
    ),
    p99: rounded(
      of(({ ms }) => ms.p99),
      1,
    ),
    p99Min: rounded(Math.min(...each(({ ms }) => ms.p99)), 1),
    p99Max: rounded(Math.max(...each(({ ms }) => ms.p99)), 1),
    p999: rounded(
      of(({ ms }) => ms.p999),
      1,
    ),
    p999Min: rounded(Math.min(...each(({ ms }) => ms.p999)), 1),
    p999Max: rounded(Math.max(...each(({ ms }) => ms.p999)), 1),
    inHostP50: rounded(
      of(({ inHostMs }) => inHostMs.p50),
      2,
    ),
    inHostP99: rounded(
      of(({ inHostMs }) => inHostMs.p99),
      1,
    ),
    inHostP999: rounded(
      of(({ inHostMs }) => inHostMs.p999),
      1,
    ),
    ofFloor: rounded(ratioTo(floor), 3),
    ofOurs: rounded(ratioTo(all.get(OURS)), 3),
    spread: rounded(
      of(({ spread }) => spread),
      3,
    ),
    busy: rounded(
      of(({ busy }) => busy),
      3,
    ),
    requests: sum(({ ms }) => ms.count),
    failed: sum(({ failed }) => failed),
    failures: own.map(({ failures }) => failures),
    unfinished: sum(({ unfinished }) => unfinished),
    fleetCores: rounded(
      of(({ fleetCores }) => fleetCores),
      3,
    ),
    machineBusy: rounded(
      of(({ machineBusy }) => machineBusy),
      2,
    ),
    lateMs: rounded(
      of(({ lateMs }) => lateMs),
      2,
    ),
  };
}

function tablesOf(percent: number, list: readonly Figures[]): Rows[] {
  const hasOurs = list.some(({ name }) => name === OURS);
  return [
    [
      [
        `hosts loaded to ${percent} %`,
        'p50 ms',
        'p90 ms',
        'p99 ms',
        'min',
        'max',
        'p99.9 ms',
        'min',
        'max',
        'x floor',
        ...(hasOurs ? ['x adaptive'] : []),
        'in host p50',
        'p99',
        'spread',
        'requests',
        'failed',
        'unfinished',
        'cores',
        'machine',
        'late ms',
      ],
      ...list.map((each) => [
        each.name,
        each.p50,
        each.p90,
        each.p99,
        each.p99Min,
        each.p99Max,
        each.p999,
        each.p999Min,
        each.p999Max,
        each.ofFloor,
        ...(hasOurs ? [each.ofOurs] : []),
        each.inHostP50,
        each.inHostP99,
        each.spread,
        each.requests,
        each.failed,
        each.unfinished,
        each.kind === 'floor' ? '–' : each.fleetCores,
        each.machineBusy,
        each.lateMs,
      ]),
    ],
  ];
}

function goalsOf(percent: number, list: readonly Figures[]): Goal[] {
  const ours = list.find(({ name }) => name === OURS);
  if (ours === undefined) return [];
  const against = (what: string, kind: Contestant['kind']): Goal[] => {
    const others = list.filter((each) => each.kind === kind && each !== ours);
    const best = others.toSorted((one, other) => one.ofOurs - other.ofOurs)[0];
    return best === undefined
      ? []
      : [
          goalBelow(
            `p99 of ${OURS} at ${percent} %, as a multiple of that of the best ${what} (${best.name})`,
            rounded(1 / best.ofOurs, 3),
            1,
            '',
          ),
        ];
  };
  return [...against('of others', 'peer'), ...against('other policy', 'meercat')];
}

function controlTable(control: readonly ControlFigures[]): Rows {
  return [
    [
      `${FLEET_SIZE} balancers, ${CONTROL_RPS} requests/s`,
      'master: fleet',
      'hosts',
      'traffic',
      'helpers',
      'slaves: fleet',
      'hosts',
      'traffic',
      'helpers',
      'redis',
      'failed',
    ],
    ...control.map(({ hosts, balancers, redisPercent, failed }) => {
      const middle = (role: string, get: (each: (typeof balancers)[number]) => number): string =>
        `${median(balancers.filter((each) => each.role === role).map(get)).toFixed(1)} %`;
      return [
        `${hosts} hosts, % of a core`,
        ...['master', 'slave'].flatMap((role) => [
          middle(role, (each) => each.fleetPercent),
          middle(role, (each) => each.hostsPercent),
          middle(role, (each) => each.trafficPercent),
          middle(role, (each) => each.helpersPercent),
        ]),
        `${redisPercent.toFixed(1)} %`,
        failed,
      ];
    }),
  ];
}

function channelTable(control: readonly ControlFigures[]): Rows {
  const names = ['reports', 'load', 'stats'] as const;
  return [
    ['messages a second', ...names.flatMap((name) => [name, 'kB/s'])],
    ...control.map(({ hosts, channels }) => [
      `${hosts} hosts`,
      ...names.flatMap((name) => [rounded(channels[name].perSecond, 1), rounded(channels[name].bytesPerSecond / 1000, 1)]),
    ]),
  ];
}

function controlGoal({ hosts, balancers }: ControlFigures): Goal {
  const worst = Math.max(...balancers.map(({ fleetPercent, hostsPercent }) => fleetPercent + hostsPercent));
  return goalBelow(
    `CPU of a balancer's fleet and hosts threads with ${hosts} hosts, the busiest one's`,
    rounded(worst, 1),
    CONTROL_GOAL_PERCENT,
    '% of a core',
  );
}

function roundControl(figures: ControlFigures): ControlFigures {
  return {
    ...figures,
    redisPercent: rounded(figures.redisPercent, 2),
    balancers: figures.balancers.map((each) => ({
      ...each,
      fleetPercent: rounded(each.fleetPercent, 2),
      hostsPercent: rounded(each.hostsPercent, 2),
      trafficPercent: rounded(each.trafficPercent, 2),
      helpersPercent: rounded(each.helpersPercent, 2),
    })),
  };
}
