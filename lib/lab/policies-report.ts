// The figures of `policies`: latency with each contestant, how evenly the hosts were used, and the cost of Meercat's
// control plane. Medians over the rounds; ratios compare turns of the same round, which had the same requests and the
// same noisy neighbours.

import { type Contestant, FLEET_SIZE } from './contestants.js';
import type { ControlFigures } from './control-plane.js';
import { channelTable, controlGoal, controlTable, roundControl } from './control-report.js';
import { ourName } from './policies-plan.js';
import { type BenchReport, type Goal, goalBelow, type Rows } from './report.js';
import { type Distribution, median, rounded } from './statistics.js';

/** Above this utilization the machine itself is the bottleneck. */
const BUSY_LIMIT = 0.6;

/** The reference contestant. */
const OURS = ourName('adaptive');

/** Limit of our p50 and p90, as multiples of the best peer's; p99 and p99.9 must be below them. */
const GOAL_OF_BEST_PEER = 1.3;

/** One turn of one contestant. */
export interface PolicySample {
  readonly ms: Distribution & { readonly mean: number; readonly p999: number };
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
  /** Weights that agents had given to the hosts at the end, in percent; null if they give none. */
  readonly weights: readonly number[] | null;
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
  /** Which contestants could not take part, and why. */
  readonly leftOut: readonly string[];
}

/** What was compared, and with which results. */
export interface Compared {
  readonly contestants: readonly Contestant[];
  readonly leftOut: readonly string[];
  readonly samples: Samples;
  readonly wrong: readonly string[];
}

/** The figures of latency that are compared. */
const COMPARED = ['mean', 'p50', 'p90', 'p99', 'p999'] as const;

type ByFigure = Readonly<Record<(typeof COMPARED)[number], number>>;

/** Figures of one contestant at one load. */
interface Figures {
  readonly name: string;
  readonly kind: Contestant['kind'];
  readonly mean: number;
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
  /** As multiples of the omniscient balancer's, and of ours. */
  readonly ofFloor: ByFigure;
  readonly ofOurs: ByFigure;
  readonly spread: number;
  readonly busy: number;
  readonly requests: number;
  readonly failed: number;
  readonly failures: readonly Readonly<Record<string, number>>[];
  readonly unfinished: number;
  readonly fleetCores: number;
  readonly machineBusy: number;
  readonly lateMs: number;
  /** Least and greatest weight that agents had given to a host at the end of a turn, in percent; null if they give none. */
  readonly weights: readonly [number, number] | null;
}

/** Builds the report. */
export function reportPolicies(
  setup: PoliciesSetup,
  { contestants, samples, wrong }: Compared,
  control: readonly ControlFigures[],
): BenchReport {
  const byLoad = [...samples].map(([percent, of]) => ({
    percent,
    contestants: contestants.map((contestant) => figuresOf(contestant, of)),
  }));
  const busiest = Math.max(...byLoad.flatMap(({ contestants: list }) => list.map(({ machineBusy }) => machineBusy)));
  const { rounds, seconds, slow, hosts, redis, leftOut } = setup;
  return {
    notes: [
      `${hosts} simulated hosts of 4 cores, a quarter at 0.6 speed, neighbours that take 1 to 3 cores and move about every 8 s; 5/20/200 ms of CPU for 80/15/5 %;`,
      `fleets of ${FLEET_SIZE} processes, ${redis}; open load at random times, the same for all in a round; ${rounds} round${rounds === 1 ? '' : 's'} of ${seconds} s in turns, medians;`,
      'agents: the processes that report the hosts to meercat also answer the agent checks of haproxy, which set its weights;',
      ...leftOut.map((each) => `${each};`),
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
  const of = (places: number, get: (sample: PolicySample) => number): number => rounded(median(own.map(get)), places);
  const sum = (get: (sample: PolicySample) => number): number => own.reduce((total, sample) => total + get(sample), 0);
  /** Medians of the ratios of the same rounds. */
  const ratiosTo = (other: readonly PolicySample[] = []): ByFigure => {
    const ratioOf = (figure: keyof ByFigure): number =>
      median(own.flatMap(({ ms }, round) => (other[round] === undefined ? [] : [ms[figure] / other[round].ms[figure]])));
    return Object.fromEntries(COMPARED.map((figure) => [figure, rounded(ratioOf(figure), 3)])) as unknown as ByFigure;
  };
  const floor = [...all.values()][0];
  const p99s = own.map(({ ms }) => ms.p99);
  const p999s = own.map(({ ms }) => ms.p999);
  const weights = own.flatMap((sample) => sample.weights ?? []);
  return {
    name,
    kind,
    mean: of(2, ({ ms }) => ms.mean),
    p50: of(2, ({ ms }) => ms.p50),
    p90: of(2, ({ ms }) => ms.p90),
    p99: of(1, ({ ms }) => ms.p99),
    p99Min: rounded(Math.min(...p99s), 1),
    p99Max: rounded(Math.max(...p99s), 1),
    p999: of(1, ({ ms }) => ms.p999),
    p999Min: rounded(Math.min(...p999s), 1),
    p999Max: rounded(Math.max(...p999s), 1),
    inHostP50: of(2, ({ inHostMs }) => inHostMs.p50),
    inHostP99: of(1, ({ inHostMs }) => inHostMs.p99),
    inHostP999: of(1, ({ inHostMs }) => inHostMs.p999),
    ofFloor: ratiosTo(floor),
    ofOurs: ratiosTo(all.get(OURS)),
    spread: of(3, ({ spread }) => spread),
    busy: of(3, ({ busy }) => busy),
    requests: sum(({ ms }) => ms.count),
    failed: sum(({ failed }) => failed),
    failures: own.map(({ failures }) => failures),
    unfinished: sum(({ unfinished }) => unfinished),
    fleetCores: of(3, ({ fleetCores }) => fleetCores),
    machineBusy: of(2, ({ machineBusy }) => machineBusy),
    lateMs: of(2, ({ lateMs }) => lateMs),
    weights: weights.length === 0 ? null : [Math.min(...weights), Math.max(...weights)],
  };
}

function tablesOf(percent: number, list: readonly Figures[]): Rows[] {
  const hasOurs = list.some(({ name }) => name === OURS);
  return [
    [
      [
        `hosts loaded to ${percent} %`,
        'mean ms',
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
        each.mean,
        each.p50,
        each.p90,
        each.p99,
        each.p99Min,
        each.p99Max,
        each.p999,
        each.p999Min,
        each.p999Max,
        each.ofFloor.p99,
        ...(hasOurs ? [each.ofOurs.p99] : []),
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
  const against = (what: string, kind: Contestant['kind'], figure: keyof ByFigure, limit: number): Goal[] => {
    const others = list.filter((each) => each.kind === kind && each !== ours);
    const best = others.toSorted((one, other) => one.ofOurs[figure] - other.ofOurs[figure])[0];
    if (best === undefined) return [];
    const name = figure === 'p999' ? 'p99.9' : figure;
    const title = `${name} of ${OURS} at ${percent} %, as a multiple of that of the best ${what} (${best.name})`;
    return [goalBelow(title, rounded(1 / best.ofOurs[figure], 3), limit, '', limit > 1)];
  };
  return [
    ...against('of others', 'peer', 'p99', 1),
    ...against('of others', 'peer', 'p999', 1),
    ...against('of others', 'peer', 'p50', GOAL_OF_BEST_PEER),
    ...against('of others', 'peer', 'p90', GOAL_OF_BEST_PEER),
    ...against('other policy', 'meercat', 'p99', 1),
  ];
}
