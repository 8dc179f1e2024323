// What `bench fleet` measures: its contestants with their CPU in each comparison, and its parts. Pure; everything is
// checked before anything is started.

import { MeercatError } from '../../errors.js';
import type { BenchFlags } from '../context.js';
import { LEAST_CORES } from './cgroups.js';
import type { Comparison, Program, QuotaKind } from './figures.js';

const DEFAULT_ROUNDS = 2;
const DEFAULT_SECONDS = 1;
const DEFAULT_FLEETS = [2, 4, 8];
const DEFAULT_PEER_FLEETS = [4];
/** Of a machine with two cores: load, hosts and Redis need the rest. */
const DEFAULT_CPU = 0.4;
const DEFAULT_SEED = 20_261_130;

/** A balancer of the comparison `each` has this share of the CPU of a whole fleet: a fleet of four is in both comparisons. */
const EACH_SHARE = 1 / 4;

/** Programs that are compared with Meercat, which always takes part. */
export const COMPARED_PROGRAMS = ['haproxy', 'nginx'] as const;

/** What can be measured: the loads, the faults, and what the simulation adds to the loads. */
export const PARTS = ['loads', 'faults', 'simulation'] as const;

/** A part. */
export type Part = (typeof PARTS)[number];

/** Another program. */
export type ComparedProgram = (typeof COMPARED_PROGRAMS)[number];

/** What is measured. */
export interface ProofPlan {
  readonly rounds: number;
  readonly seconds: number;
  readonly seed: number;
  /** CPU of all balancers together in the comparison `total`, in cores. */
  readonly cpu: number;
  /** CPU of each balancer in the comparison `each`, in cores. */
  readonly cpuEach: number;
  /** Numbers of balancers, 1 first. */
  readonly fleets: readonly number[];
  readonly peerFleets: readonly number[];
  readonly peers: readonly ComparedProgram[];
  readonly parts: readonly Part[];
}

/** Plans a run. Throws MEERCAT_BAD_CONFIG with the flag to change. */
export function planProof(flags: Pick<BenchFlags, 'rounds' | 'seconds' | 'seed' | 'cpu' | 'fleets' | 'peerFleets' | 'only'>): ProofPlan {
  const { rounds = DEFAULT_ROUNDS, seconds = DEFAULT_SECONDS, seed = DEFAULT_SEED, cpu = DEFAULT_CPU, only = [] } = flags;
  const ascending = (sizes: readonly number[]): number[] => [...new Set([1, ...sizes])].toSorted((one, other) => one - other);
  const [fleets, peerFleets] = [ascending(flags.fleets ?? DEFAULT_FLEETS), ascending(flags.peerFleets ?? DEFAULT_PEER_FLEETS)];
  const known: readonly string[] = ['meercat', ...COMPARED_PROGRAMS, ...PARTS];
  for (const wanted of only)
    if (!known.includes(wanted))
      throw new MeercatError('MEERCAT_BAD_CONFIG', `--only: one of ${known.join(', ')}, not ${JSON.stringify(wanted)}`);
  const hasParts = PARTS.some((part) => only.includes(part));
  const hasPrograms = only.some((each) => each === 'meercat' || (COMPARED_PROGRAMS as readonly string[]).includes(each));
  const parts = PARTS.filter((part) => !hasParts || only.includes(part));
  if (parts.includes('simulation') && !parts.includes('loads'))
    throw new MeercatError('MEERCAT_BAD_CONFIG', '--only: add loads to simulation, which is fed with what they measure');
  const peers = COMPARED_PROGRAMS.filter((peer) => !hasPrograms || only.includes(peer));
  const largest = Math.max(...fleets, ...(peers.length === 0 ? [] : peerFleets));
  const [least, of] = cpu / largest < cpu * EACH_SHARE ? [cpu / largest, largest] : [cpu * EACH_SHARE, 1 / EACH_SHARE];
  if (least < LEAST_CORES - 1e-9)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `--cpu: at least ${Number((of * LEAST_CORES).toFixed(3))}, since the kernel can give each of ${of} balancers ${LEAST_CORES} of a core at least`,
    );
  return { rounds, seconds, seed, cpu, cpuEach: cpu * EACH_SHARE, fleets, peerFleets, peers, parts };
}

/** A contestant with its CPU: one of other CPU is another contestant, of the same processes. */
export interface ContestantPlan {
  readonly name: string;
  readonly program: Exclude<Program, 'floor'>;
  readonly balancers: number;
  readonly comparisons: readonly Comparison[];
  /** CPU of each balancer, in cores. */
  readonly cores: number;
}

/** All contestants but the floor, in the order of the report. Without limits there is only the comparison `total`, with a whole core. */
export function plannedContestants({ cpu, cpuEach, fleets, peerFleets, peers }: ProofPlan, quota: QuotaKind): readonly ContestantPlan[] {
  const sides = [
    ...fleets.map((balancers) => ({ program: 'meercat' as const, balancers })),
    ...peers.flatMap((program) => peerFleets.map((balancers) => ({ program, balancers }))),
  ];
  return sides.flatMap((side) => {
    const name = contestantNameOf(side.program, side.balancers);
    const inTotal = cpu / side.balancers;
    if (quota === 'taskset') return [{ ...side, name, comparisons: ['total' as const], cores: 1 / side.balancers }];
    if (Math.abs(inTotal - cpuEach) < 1e-9) return [{ ...side, name, comparisons: ['total' as const, 'each' as const], cores: cpuEach }];
    return [
      { ...side, name, comparisons: ['total' as const], cores: inTotal },
      { ...side, name, comparisons: ['each' as const], cores: cpuEach },
    ];
  });
}

/** The name of a contestant, as shown. */
export function contestantNameOf(program: ContestantPlan['program'], balancers: number): string {
  if (balancers === 1) return `${program}, single`;
  return program === 'meercat' ? `meercat, fleet of ${balancers}` : `${program}, ${balancers} independent`;
}
