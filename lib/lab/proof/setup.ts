// The setup of a run of `bench fleet` as its report tells it: the command that repeats it, and how it measured. Pure but for
// the number of cores of this machine.

import { cpus } from 'node:os';
import { faultNotes } from './faults-notes.js';
import type { ContestantFigures, FaultFigures, QuotaKind } from './figures.js';
import { HOST_COUNT, HOSTS_PER_SECOND, SIGMA, SLO } from './load-run.js';
import type { SetupWithRungs } from './metric.js';
import type { ProofPlan } from './plan.js';
import { FLOOR_RUNGS, LADDER } from './search.js';
import { CONNECTED_SECONDS } from './turns.js';

/** Cores that load, hosts and Redis need. */
const OTHERS_CORES = 0.75;

/** What a run was like. */
export interface RunSeen {
  readonly quota: QuotaKind;
  /** The kind of Redis; null if no load was measured. */
  readonly redis: string | null;
  readonly leftOut: readonly string[];
  readonly contestants: readonly ContestantFigures[];
  readonly faults: readonly FaultFigures[];
}

/** The setup of a run. */
export function setupOf(plan: ProofPlan, seen: RunSeen): SetupWithRungs {
  const { rounds, seconds, seed, cpu, cpuEach } = plan;
  const { quota, redis, leftOut } = seen;
  const isLimited = quota !== 'taskset';
  return {
    command: commandOf(plan, isLimited),
    hosts: HOST_COUNT,
    rounds,
    seconds,
    seed,
    // Without limits all balancers share a core.
    cpu: isLimited ? cpu : 1,
    cpuEach: isLimited ? cpuEach : 1,
    quota,
    slo: { timesFloor: SLO.timesFloor, errors: SLO.errors },
    hostsPerSecond: HOSTS_PER_SECOND,
    redis: redis ?? 'no load was measured',
    leftOut,
    rungs: LADDER.map((share) => share * HOSTS_PER_SECOND),
    notes: notesOf(plan, seen, isLimited),
  };
}

function commandOf({ rounds, seconds, seed, cpu, fleets, peerFleets, peers, parts }: ProofPlan, isLimited: boolean): string {
  const sizes = (all: readonly number[]): string => all.filter((each) => each > 1).join(',') || '1';
  const flags = [
    `--rounds ${rounds}`,
    `--seconds ${seconds}`,
    `--seed ${seed}`,
    ...(isLimited ? [`--cpu ${cpu}`] : []),
    `--fleets ${sizes(fleets)}`,
    ...(peers.length === 0 ? [] : [`--peer-fleets ${sizes(peerFleets)}`]),
    `--only ${['meercat', ...peers, ...parts].join(',')}`,
  ];
  return `npm run bench -- fleet ${flags.join(' ')}`;
}

/** How it measured. */
function notesOf({ cpu, cpuEach }: ProofPlan, { contestants, faults, redis }: RunSeen, isLimited: boolean): string[] {
  const cores = cpus().length;
  const needed = Math.max(0, ...contestants.map(({ balancers, cpuEach: own }) => balancers * (own ?? 0))) + OTHERS_CORES;
  const ofLoads = [
    `hosts are four times as fast as those of bench policies, and the work of requests scatters within its class (lognormal, sigma ${SIGMA})`,
    `a load counts as served if besides the number of waiting requests grows by at most ${SLO.backlog * 100} % of all requests, beyond chance; the search chooses from ${LADDER.length} loads, and ends after some turns with the highest one that was served`,
    `the floor's p99 is measured at ${FLOOR_RUNGS.length} of these in each round, and interpolated between them`,
    'of a latency the median is that of the requests of all rounds together, least and most are those of single rounds; all else is spread over rounds',
    `the load opens its connections before each turn, as many as requests of ${CONNECTED_SECONDS} s, without a limit of CPU, and no others during the turn`,
    'balancers warm up until their code is compiled; all contestants run all the time, and are limited during their turns',
  ];
  return [
    ...(redis === null ? [] : ofLoads),
    ...(isLimited ? [] : ['without limits only equal total CPU is compared: all balancers share one core']),
    ...(needed > cores
      ? [
          `balancers, load, hosts and Redis may need about ${needed.toFixed(1)} cores, more than the ${cores} of this machine: lower --cpu (${cpu}; each ${cpuEach})`,
        ]
      : []),
    ...faultNotes(faults),
  ];
}
